"""What is not shipped: the benchmark, the generator of the demo data, and mutation testing."""
