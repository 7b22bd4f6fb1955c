"""LIBERO on MuJoCo: scenes, start states, predicates, compiled stepping."""
