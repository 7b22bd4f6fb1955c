"""Names of a node's own topics and bells; the wire imports them in the Python of ROS 2."""

from __future__ import annotations

DRIVER_BELL, WIRE_BELL = "driver", "wire"
ENABLE, DISABLE, RESET, TAKEOVER = "~/enable", "~/disable", "~/reset", "~/takeover"
REQUEST, ASK, ANSWER = "~/request", "~/ask", "~/answer"
"""Requests by services, by a desk, and what came of either."""
STATUS, DECISIONS, PROPOSALS, DIAGNOSTICS = "~/status", "~/decisions", "~/proposals", "/diagnostics"
TROUBLE = "~/trouble"
"""What the node's own parts complain of: the wire, the recorder."""
