"""Goals of LIBERO's tasks: typed terms, and a checker that says what LIBERO's own says."""
