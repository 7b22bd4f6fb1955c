"""Two policies on the same units: which one solves more, and whether switching can pay.

Pure functions of the tables of a run; `aegis.app.comparison` plays them.
"""
