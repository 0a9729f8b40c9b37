"""When to look, one visit, and what is remembered."""
