"""The credentials of an administrator of the server."""

from __future__ import annotations


class AdminUnavailable(Exception):  # noqa: N818 - a state, not a mistake
    """No administrator's call can be made; the text is for operators."""

    code = "admin_unavailable"
