"""Clients that visit a site over SSH, ours and the peers: ``python -m bench.clients`` runs one, in its own process."""
