"""The store in the process: tantivy, a directory a tenant, an index a period of time."""
