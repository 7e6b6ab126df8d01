"""Routes where users sign up and where passwords change, as dialects describe them."""
