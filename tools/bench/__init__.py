"""Measurements and endurance runs; they print what they find and keep no verdict, except `tools.bench.kill`, which must find nothing."""
