"""Routes that other servers call to have a one-time code delivered, each in that server's own format."""
