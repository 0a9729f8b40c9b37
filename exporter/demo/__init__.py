"""An embedded demonstration fleet: real certificates in a faithful store, rotated in compressed time."""
