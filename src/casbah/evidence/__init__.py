"""A transparency log per tenant: a signed Merkle tree of commitments to its records (docs/evidence.md)."""
