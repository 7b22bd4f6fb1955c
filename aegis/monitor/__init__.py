"""aegis/monitor"""
