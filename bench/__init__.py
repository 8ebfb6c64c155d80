"""Measurements and endurance runs; they print what they find and keep no verdict, except `bench.kill`, which must find nothing."""
