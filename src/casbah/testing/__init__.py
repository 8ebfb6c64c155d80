"""For tests of clients: a test server (`server`), sample records (`records`), and a pytest fixture (`plugin`)."""
