"""The wire: MDCA's Activities API, and the extension beside it."""
