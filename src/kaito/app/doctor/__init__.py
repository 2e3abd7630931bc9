"""`kaito doctor`: what is missing before a Workspace is applied. Observed facts, pure checks."""
