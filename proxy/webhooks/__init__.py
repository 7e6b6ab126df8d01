"""Webhooks in: servers that tell of users who signed up or changed passwords without passing hookpoint."""
