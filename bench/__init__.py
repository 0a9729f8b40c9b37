"""What the exporter costs, measured: beside its peers, and as a fleet grows."""
