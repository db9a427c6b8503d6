"""How fast each stage is, beside what else one could do. `python -m benchmarks --help`."""
