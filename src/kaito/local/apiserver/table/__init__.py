"""Server-side printing: the tables that `kubectl get` shows.

`columns` says what each built-in kind's columns are, `jsonpath` reads the columns that
CustomResourceDefinitions declare, `render` makes the `Table` object of either.
"""
