"""Flows: what happens to an intercepted request, one short recipe for each kind of route."""
