"""Many episodes on many processes: units, schedule, branches, workers, batches.

Rows must not depend on workers, slots, order or batch size; `pairing` checks it.
"""
