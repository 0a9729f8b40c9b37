"""Writes the dashboards and Kubernetes' copies of them and of the rules: ``python -m grafana.builder``."""
