"""aegis/app"""
