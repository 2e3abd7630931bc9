"""The node agent: runs the pods bound to this machine as local processes, and answers for them.

`lifecycle` decides and is pure; `process` is the only spawner; `agent` ties the parts together.
Talks to the API server only through `kaito.kube`.
"""
