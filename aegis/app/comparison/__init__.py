"""Playing two policies against each other: `aegis compare` and `aegis pilot`."""
