"""OpenSSH's client configuration, for the file that ``ssh.config`` names: what it says of a host, and where.

A reader of our own: paramiko's SSHConfig knows no Include, forgets files and lines, and passes over what it does not
know in silence.
"""
