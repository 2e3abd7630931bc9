"""What the verbs of `kaito tune` read, draw and write."""
