"""Figures of a report, one module each; drawn by matplotlib, written as SVG that follows the theme.

A figure shows numbers of the result, or counts rows of the small tables; it estimates nothing.
"""
