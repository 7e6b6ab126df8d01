"""One module for each vendor; nothing here is imported before its provider is chosen."""
