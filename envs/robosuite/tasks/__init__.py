"""One task a file: where its things start, when it is solved, what is true of it."""
