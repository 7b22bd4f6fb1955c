"""aegis/gates"""
