"""Serves hooks to somebody else's server, in that server's own format."""
