"""Amazon EKS: a machine is a managed node group of one node."""
