"""One module for each system that calls: how its requests are read and how it wants to be answered."""
