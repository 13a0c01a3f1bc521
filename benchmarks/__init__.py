"""Measurements; `python -m benchmarks` takes them all and writes their tables into the README."""
