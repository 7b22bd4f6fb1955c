"""envs/libero"""
