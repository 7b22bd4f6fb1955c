"""The control tick in pure numpy: types, protocols, ladder, controller, seeds, errors.

No clock, thread, file or framework may enter. Everything else depends on this room.
"""
