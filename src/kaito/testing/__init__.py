"""A cluster without machines, for tests: real API semantics, simulated time and faults.

The API server's own verbs run over the store in memory; only HTTP, kubelets and clouds are
simulated. Everything is drawn from one seed, so that a failing run can be repeated.
"""
