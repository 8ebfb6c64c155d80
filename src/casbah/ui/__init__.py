"""The pages: static files that speak to the API as any client would, and what serves them."""
