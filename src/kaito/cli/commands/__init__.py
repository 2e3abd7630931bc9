"""One module a verb: `configure(parser)` says what it takes, `run(arguments)` does it.

`run` returns the exit status. Modules here may import anything: they are loaded when needed.
"""
