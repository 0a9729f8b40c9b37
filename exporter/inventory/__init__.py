"""Where nodes come from: the configuration and Prometheus file_sd files, merged into one list of unique names."""
