"""The live terminal panel, beside a run or attached to one.

Drawing must stay cheap: the panel runs beside the simulation.
"""
