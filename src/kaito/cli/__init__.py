"""The `kaito` command: a thin layer of words over the library.

Each verb parses, calls the library and prints. Data goes to standard output, everything else to
standard error. Nothing here decides anything about a cluster, and a verb's module is imported only
when that verb runs, so that `kaito --help` costs no more than starting Python.
"""
