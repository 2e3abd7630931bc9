"""SPDY/3.1, the server's half, as far as Kubernetes' clients use it.

From the specification (https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/). Knows
nothing of pods or of what carries the bytes. Not here, because no client needs it: streams opened
by the server, priorities, credentials, settings.
"""
