"""Hooks in JavaScript: Auth0's Hooks and Actions as they are, each script in processes of its own."""

from hookpoint.hooks.javascript.loading import JavaScript
from hookpoint.hooks.javascript.runtimes import Executables
from hookpoint.hooks.javascript.script import RuntimeName, Script

__all__ = ["Executables", "JavaScript", "RuntimeName", "Script"]
