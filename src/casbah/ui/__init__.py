"""The web UI: static files that use the API like any client, and the application that serves them."""
