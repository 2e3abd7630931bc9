"""What Kubernetes does with particular kinds beyond their schemas, one file a kind.

Each is a `base.Rules`; `all_rules` says which resource has which.
"""
