"""Determinism: a short fixed course, played stage by stage, each from recorded inputs.

A stage that differs from its reference names the part of the program that computes otherwise on
this machine; since later stages do not read what it computed, it does not hide them. `aegis doctor
determinism` plays the course.
"""
