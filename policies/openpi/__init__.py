"""Policies on the other end of openpi's protocol."""
