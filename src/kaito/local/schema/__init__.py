"""What an API server needs to know about the shape of objects; pure functions over manifests.

`structure` compiles OpenAPI schemas, `builtin` knows the kinds Kubernetes ships, `validate`,
`prune` and `defaults` check and complete manifests, `patches` and `strategic` apply the four patch
types, `ownership` keeps `metadata.managedFields`. Nothing here does I/O, except that `builtin`
reads its own data file. Manifests given to any function are never changed: results share what did
not change.
"""
