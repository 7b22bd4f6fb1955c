"""After a study was played: every number of a report.

Pure functions of sealed tables and plan; keys of `report.json` are fixed.
"""
