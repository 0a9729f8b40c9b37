"""Tests: real files, real shells, minted certificates."""
