"""Machines: NodeClaims become virtual nodes of the one machine there is.

The embedded plane's stand-in for Karpenter. Whatever instance type a claim names is played by this
machine, and said to be; only memory is real, so claims reserve it and what does not fit is refused.
"""
