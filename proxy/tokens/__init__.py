"""Verifying the upstream's tokens, and signing and publishing hookpoint's own."""
