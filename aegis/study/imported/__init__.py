"""Outcomes that other harnesses wrote, read and compared like our own."""
