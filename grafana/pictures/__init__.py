"""Behind ``make pictures``: the README's pictures, from the demonstration's fleet in a real Prometheus."""
