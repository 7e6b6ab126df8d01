"""What `hookpoint demo` runs: an OAuth server, a resource server, and the story told with them."""
