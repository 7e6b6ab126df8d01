"""Side-by-side measurements: what hookpoint costs, next to what people would pick instead. `python -m bench --help`."""
