"""The node provisioner: NodeClaims of one class become machines of a cloud, and go with them."""
