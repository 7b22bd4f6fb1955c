"""A parent of the wire that is made to be killed: says the number of the wire, then waits."""

import sys
import threading

from aegis.ros.wire.process import WireProcess
from aegis.runtime.bus import Bus, BusTopic

wire = WireProcess(sys.argv[1], "orphan", "", False, [])
wire.read_parameters(120)
wire.connect(Bus.create([BusTopic("~/status", 100, 2, bells=("wire",))]), [], False)
print(wire.pid, flush=True)
threading.Event().wait()
