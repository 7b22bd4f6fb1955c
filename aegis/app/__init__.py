"""The command line, and everything that knows configurations.

Only this room may know all the others.
"""
