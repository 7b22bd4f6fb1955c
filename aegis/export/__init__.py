"""Finished episodes for people and other tools: films, stills, datasets."""
