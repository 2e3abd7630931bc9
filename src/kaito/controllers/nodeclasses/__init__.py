"""Makes the node classes that the operator's user declared for Karpenter, and keeps them so."""
