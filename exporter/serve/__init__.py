"""What the world sees: metrics, in two formats, and the web endpoints."""
