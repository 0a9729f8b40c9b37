"""What outlives the process: the last report of each node, rotations as they were seen, and how visits ended."""
