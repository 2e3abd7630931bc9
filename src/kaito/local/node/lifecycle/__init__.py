"""What happens to a pod next: pure functions from facts to a status and commands.

`decide.decide` is the entry. Nothing in this package reads a clock, a file or a socket; golden
files under tests/golden/lifecycle show its behaviour.
"""
