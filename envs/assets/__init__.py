"""Assets of LIBERO scenes: the pack of our own, and where official ones are found."""
