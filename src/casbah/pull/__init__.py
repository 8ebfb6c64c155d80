"""Sources fetched from where they are: vendors' APIs asked for what is new, again and again."""
