"""Where nodes come from, as pure functions: render claims, assess them, name the surplus."""
