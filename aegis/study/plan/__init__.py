"""Before the test units are played: plan, dials, calibration, lock.

The text of a locked plan and its digests are fixed for ever.
"""
