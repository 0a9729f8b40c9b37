"""From YAML to frozen values; every mistake is reported at once, with its path and line."""
