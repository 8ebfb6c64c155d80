"""Who is calling, hence which Scope."""
