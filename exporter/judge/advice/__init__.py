"""What to do about a cause: commands for a shell on the node, made from its own paths; a step says where else.

Nothing is deleted that cannot be made again: what is in the way is moved aside, what is changed is copied first. What
must not follow a failure is chained to it, what only a person can tell waits for a yes. The last step shows whether it
worked.
"""
