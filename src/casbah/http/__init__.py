"""The HTTP API: MDCA's Activities API and its extensions."""
