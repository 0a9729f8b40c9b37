"""A fleet's years in seconds: the exporter's own schedule, agenda and lanes against made-up lives of nodes."""
