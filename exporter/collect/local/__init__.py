"""A node whose root is mounted here: the facts of the node script, read without a shell."""
