"""Disturbances: seeded shifts of what is seen and of how the arm begins, axis by axis."""
