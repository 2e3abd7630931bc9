"""Claims and pools whose Workspace is gone are given back.

A finalizer keeps a Workspace until its nodes are gone, but not always: it can be removed by hand,
and a deletion may overlap the first write of it. What costs money must not depend on that.
"""
