"""`aegis doctor wire`: what a server of openpi's protocol gives."""
