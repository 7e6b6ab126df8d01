"""Auth0-style hooks in front of any OAuth server."""

__version__ = "0.1.0"
