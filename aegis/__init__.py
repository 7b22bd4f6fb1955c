"""aegis"""
