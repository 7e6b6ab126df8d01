"""Delivery reports, one module for each vendor that sends them."""
