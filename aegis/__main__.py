"""`python -m aegis`: the command line."""

from __future__ import annotations

import sys

from aegis.app.main import main

sys.exit(main())
