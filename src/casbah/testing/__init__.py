"""For tests of clients: a server of their own (`server`), what to fill it with (`records`), the pytest fixture (`plugin`)."""
