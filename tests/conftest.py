"""Before anything imports MuJoCo: render off-screen. And laws: the same examples every time."""

import os

from hypothesis import settings

from aegis.host.rendering import apply_rendering

apply_rendering()

# No deadline: how long an example takes says more about the machine than about the code. The same
# examples every time, so that what was green stays green; `make test-slow` looks for new ones.
# Always the same examples, so more of them would find no more; `make test-slow` draws new ones.
settings.register_profile("fixed", deadline=None, derandomize=True, max_examples=50)
settings.register_profile("random", deadline=None, print_blob=True)
settings.load_profile(os.environ.get("AEGIS_HYPOTHESIS", "fixed"))
