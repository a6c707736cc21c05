"""What lcode costs: processor time, waiting time and memory. `python -m benchmarks --help`."""
