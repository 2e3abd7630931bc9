"""One module a cloud, each a table of its machines; and what an hour of them costs."""
