"""A node script's answer, read: lines to facts, every one of them hostile until it is checked."""
