"""Policies behind the protocol of `aegis.core.protocols.Policy`.

A policy knows the core only, never a world; configurations name it.
"""
