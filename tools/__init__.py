"""What is not shipped: the benchmark, and the generator of the demo data."""
