"""Checks of `aegis study verify` that play nothing: documents, pages, completeness, publication."""
