"""JSON values: what JSON cannot hold becomes what it can."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def replace_non_finite(value: object) -> object:
    """Returns plain JSON values: NaN and infinity, which JSON does not have, become null.

    Mappings become dicts with texts as keys, other sequences lists; all else stays as it is.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): replace_non_finite(item) for name, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [replace_non_finite(item) for item in value]
    return value
