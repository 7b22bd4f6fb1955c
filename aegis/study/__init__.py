"""Pre-registered studies: plan, play, analysis, detection; screening and verification."""
