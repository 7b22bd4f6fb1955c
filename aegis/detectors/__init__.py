"""aegis/detectors"""
