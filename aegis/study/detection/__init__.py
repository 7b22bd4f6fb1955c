"""How well scores foresee failure, when arms hand over, and what calls cost."""
