"""What each extra promises; scripts/test_tiers.sh runs these away from here, one environment each.

No module here needs pytest: an environment of a user has none.
"""
