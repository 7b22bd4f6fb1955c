"""Commands around robots and what was recorded of them."""
