-- One row a write, never changed. `id` is the resourceVersion; `previous` the row it replaces, or 0
-- for a creation; `deleted` marks a tombstone, whose value is the object's last.
CREATE TABLE revisions (
    id INTEGER PRIMARY KEY,
    resource TEXT NOT NULL,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    previous INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    value BLOB NOT NULL
) STRICT;
CREATE INDEX revisions_by_key ON revisions (resource, namespace, name, id);
CREATE TABLE facts (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO facts VALUES ('floor', 0);
