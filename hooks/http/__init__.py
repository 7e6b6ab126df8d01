"""Hooks that are called over HTTP: signed requests, and the formats of several systems."""
