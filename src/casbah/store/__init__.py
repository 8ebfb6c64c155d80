"""Where activities live: one contract, one folder an engine."""
