"""Demo activities: real ones in `samples/`, generated ones in `generated.ndjson.zst`."""
