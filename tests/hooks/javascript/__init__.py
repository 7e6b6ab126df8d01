"""Hooks in JavaScript."""
