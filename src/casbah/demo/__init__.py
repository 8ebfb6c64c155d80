"""Demo activities: real ones in `samples/`, generated ones in `generated.ndjson.zst`, an intrusion in `story.ndjson.zst`."""
