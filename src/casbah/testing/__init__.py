"""For tests of clients: a server of their own."""
