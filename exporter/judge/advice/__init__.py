"""What to do about a cause: commands for a shell on the node, made from its own paths; a step says where else.

Nothing is deleted that cannot be made again: what is in the way is moved aside. Each ends with what makes it count.
"""
