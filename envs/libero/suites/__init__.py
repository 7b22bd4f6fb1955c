"""Suites: where the task files of each lie, and the objects that LIBERO itself does not know."""
