"""Verbs of `aegis study`, one file each."""
