"""`aegis doctor determinism`: child processes that play the course, and what is printed of them."""
