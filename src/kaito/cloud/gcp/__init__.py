"""Google Kubernetes Engine: a machine is a node pool of one node."""
