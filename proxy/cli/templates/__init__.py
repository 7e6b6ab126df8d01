"""The files that `hookpoint init` writes."""
