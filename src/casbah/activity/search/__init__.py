"""The query language for people: `user:ann* app:okta -country:DE since:7d "invoice 2026"` and `filters`, in both directions.

`syntax` reads a text to a tree, `compiled` makes the tree the `filters` object of the API, `printed` writes such an object
as text. `forms` has how each operator is written, and `moments` how times are. The grammar is in docs/search.md.
"""
