"""What must be found again, and by nobody else: originals of re-issued tokens, denials, locks.

Records are sealed with keys that are derived from the secret that leads to them, so that the database alone opens none.
"""
