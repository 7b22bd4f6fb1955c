"""Statistics of paired studies.

Pure functions of arrays; what scipy and scikit-learn have is called, not written again.
"""
