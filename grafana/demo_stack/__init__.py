"""Behind ``make demo-stack``: the demonstration, Prometheus, Alertmanager, and a receiver that prints what arrives."""
