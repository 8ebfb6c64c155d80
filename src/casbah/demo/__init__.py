"""Activities to try the log with: real ones in `samples/`, made-up ones from `generate.made_up`."""
