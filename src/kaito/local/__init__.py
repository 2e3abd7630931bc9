"""The embedded plane: a store, a Kubernetes API server, built-in controllers and a node agent.

One process on one machine that `kubectl`, `helm` and client libraries take for a cluster. It is for
one machine only; whoever outgrows it points the same manifests at a Kubernetes cluster.
"""
