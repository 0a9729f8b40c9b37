"""Reading a node over SSH: all of paramiko, behind one verb."""
