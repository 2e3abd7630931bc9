"""The verbs: one file each, over `core.Core`. They know objects and options, not HTTP."""
