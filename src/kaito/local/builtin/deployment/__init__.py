"""Deployment: ReplicaSets, one a template, traded against each other without an outage."""
