"""What stands beside the exporter: alert rules, Alertmanager's configuration, Grafana's dashboards, their builder."""
