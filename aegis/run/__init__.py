"""aegis/run"""
