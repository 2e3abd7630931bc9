"""Composition roots: the only modules that know every part. They decide nothing."""
