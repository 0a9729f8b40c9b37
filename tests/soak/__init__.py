"""A large fleet of real and hostile nodes under one exporter for minutes, and a verdict on it."""
