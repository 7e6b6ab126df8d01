"""Turns an export of an Auth0 tenant into a configuration.

`read_export` reads what Auth0's Deploy CLI wrote, `plan_import` decides what becomes of each Hook and Action, `write_files` writes it.
The shape of exports is that of https://github.com/auth0/auth0-deploy-cli (its `docs` and `examples`, version 8).
"""

from __future__ import annotations

from hookpoint.proxy.auth0_import.errors import ExportError, FilesExistError
from hookpoint.proxy.auth0_import.planning import Plan, plan_import
from hookpoint.proxy.auth0_import.reading import read_export
from hookpoint.proxy.auth0_import.writing import write_files

__all__ = ["ExportError", "FilesExistError", "Plan", "plan_import", "read_export", "write_files"]
