"""A detector that is a plain class; its state and arguments have no text of their own."""

from aegis.core.types import Score


class Stuck:
    """Risk is the number of chunks in which the arm has moved less than a centimetre."""

    name = "stuck"

    def start(self, key):
        return None, 0

    def update(self, state, proposal, obs):
        last, count = state
        here = obs.proprio[:3]
        still = last is not None and float(((here - last) ** 2).sum()) < 0.01**2
        count = count + 1 if still else 0
        return (here, count), Score(self.name, float("nan") if proposal is None else count)
