"""What hooks over HTTP are sent and answer, a module for each system."""
