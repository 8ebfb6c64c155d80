"""Activities that leave the store: as files, and as events pushed to other systems."""
