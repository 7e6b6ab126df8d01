"""`hookpoint import-auth0`, on an export of a made-up tenant."""
