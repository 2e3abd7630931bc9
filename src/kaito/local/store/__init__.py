"""Where the embedded plane keeps its objects: bytes under keys, each write a new revision.

`port` is the contract, `memory` its executable specification, `sqlite` what the plane runs on. The
store knows nothing of Kubernetes beyond keys and revisions; the API server gives them meaning.
"""
