"""One module a family, each a tuple of literals."""
