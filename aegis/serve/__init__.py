"""Policies, plain or gated, behind the sockets that other programs speak."""
