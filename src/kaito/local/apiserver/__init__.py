"""A Kubernetes-compatible API server over one store, for one machine.

`server.ApiServer` is the way in. It is generic over `registry.Registry`: the built-in kinds of
`kinds` and whatever CustomResourceDefinitions are stored. What it does not support it answers with
a `Status` that says so. It knows nothing of who its clients are, its own controllers included.
"""
