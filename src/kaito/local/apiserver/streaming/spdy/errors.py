"""How SPDY fails.

ProtocolError         the peer broke the protocol; the connection ends
"""


class ProtocolError(Exception):
    """The peer sent what SPDY/3.1 does not allow, or more than we accept."""
