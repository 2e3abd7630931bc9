"""The control loops that Kubernetes itself brings, for the embedded plane.

Each is observe, decide, apply on the controller kit, and talks to the API server as any client
does. `kaito.local.builtin.all.builtin_controllers` names them all for the composition root.
"""
