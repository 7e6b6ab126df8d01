"""Faults under steady load, and what they cost: `python -m tests.faults`."""
