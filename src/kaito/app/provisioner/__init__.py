"""The node provisioner as a process: NodeClaims of one class become machines of one cloud."""
