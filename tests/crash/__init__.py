"""Kills hookpoint again and again while users sign up, and holds what happened against what is promised."""
