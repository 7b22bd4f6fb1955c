"""aegis/stats"""
