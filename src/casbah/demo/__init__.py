"""Demo activities: real ones in `samples/`, made-up ones from `generate.made_up`."""
