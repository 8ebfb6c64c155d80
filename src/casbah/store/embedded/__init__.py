"""The in-process store: tantivy, one directory per tenant, one index per partition (period of time)."""
