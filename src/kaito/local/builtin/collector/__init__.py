"""Garbage collection: what belongs to nobody any more goes, in the order its owner asked for."""
