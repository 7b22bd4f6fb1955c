"""Demonstrations for training: an expert plays, and its labels are written down."""
