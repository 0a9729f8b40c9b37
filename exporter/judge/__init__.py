"""What facts mean: pure functions of values, ``now`` among the arguments."""
