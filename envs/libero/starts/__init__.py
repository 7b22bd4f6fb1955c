"""Start states: LIBERO's official ones, and wide ones jittered from the episode's address."""
