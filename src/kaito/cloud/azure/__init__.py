"""Azure Kubernetes Service: a machine is an agent pool of one node."""
