"""From what a source wrote to records at the store's door."""
