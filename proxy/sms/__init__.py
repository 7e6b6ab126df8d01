"""Phone messages: hooks, guard and providers as one call, with its duplicates, its reports and its records."""
