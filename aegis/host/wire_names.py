"""Wire names: keys by which AEGIS extends openpi's requests, answers and first frame.

Servers and clients that do not know them drop them; an answer's own keys hold no arrays, since
openpi's chunk broker slices every array by the step.
"""

from __future__ import annotations

ABOUT = "aegis"
"""In the first frame: what is served. In an answer: what belongs to its actions."""
PROTOCOL = 1
"""Number of these extensions; it goes up when an older side could misread a newer one."""

EPISODE = "aegis/episode"
"""[root, suite, task, start, index, tick, salt]: the episode, and the address of the noise."""
RESET = "aegis/reset"
"""True: another episode begins on this connection."""
FEATURES = "aegis/features"
"""True: the answer is to bring activations and samples, too."""
DUE = "aegis/due"
"""Tick at which the chunk starts."""
COMMITTED = "aegis/committed"
"""Actions that are executed until then. Shape (n, a)."""
PAST = "aegis/past"
"""Earlier observations of the policy's history, farthest first: a list of pictures and states."""
BATCH = "aegis/batch"
"""Several requests, or their answers, in one frame: a list. Each of them names its episode."""

ABSENT = "absent"
"""In what an answer of a batch says of itself: why there are no actions. Alone, it is refused."""

CLIENT = "Aegis-Client"
"""Header of the handshake, by which the connections of one client are known as one client's."""

ACTIONS = "actions"
"""The chunk, in openpi's own answers. Shape (h, a)."""
EPISODE_FIELDS = ("root", "suite", "task", "start", "index", "tick", "salt")
