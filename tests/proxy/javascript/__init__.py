"""Scripts behind the routes of a running hookpoint."""
