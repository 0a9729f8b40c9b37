"""Fuzzing of everything that reads what a node sent: `make fuzz`. A crash becomes a fixture in tests/data/fuzz."""
