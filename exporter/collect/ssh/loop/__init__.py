"""Many visits in one thread: an event loop, and what of a visit waits in it."""
