"""Authentication and permissions: who the caller is, and which tenant's data they may see."""
