"""aegis/core"""
