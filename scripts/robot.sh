#!/bin/sh
# `make robot`: robot, node and console as three ROS 2 nodes on this machine; shows a hand-over, an
# e-stop and a reset, and replays what was recorded.
#
#   ROS_PYTHON  the interpreter that has rclpy  (that of .venv-ros-jazzy; python3 where ROS is sourced)
set -eu
cd "$(dirname "$0")/.."
BIN=${BIN:-.venv/bin}
if [ -z "${ROS_PYTHON:-}" ]; then
    if [ -n "${ROS_DISTRO:-}" ]; then ROS_PYTHON=$(command -v python3); else ROS_PYTHON=$PWD/.venv-ros-jazzy/bin/python; fi
fi
export ROS_DOMAIN_ID=${ROS_DOMAIN_ID:-88} ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST
WORK=$(mktemp -d)
say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
finish() {
    kill -TERM $PIDS 2>/dev/null || true
    wait $PIDS 2>/dev/null || true
}
PIDS=
trap 'finish; exit 130' INT TERM
say "a LIBERO world as a robot, the controller as a lifecycle node, an operator's console (domain $ROS_DOMAIN_ID)"
"$BIN/aegis" ros robot ros.python="$ROS_PYTHON" >"$WORK/robot.log" 2>&1 & PIDS=$!
"$BIN/aegis" ros node ros.python="$ROS_PYTHON" gate.threshold=0.3 record="$WORK/bag" >"$WORK/node.log" 2>&1 & PIDS="$PIDS $!"
# Enabled at once; an e-stop after 16 s, then a reset, and enabled again: a second life. A machine
# that starts or is busy may find the robot silent for too long, which is a fault: the other resets
# are for that, and are refused where there is none.
if ! "$BIN/aegis" ros console ros.python="$ROS_PYTHON" enable=true seconds=26 \
    script='[[6,r],[11,r],[16,space],[18,r],[22,r]]'; then
    say "the console failed; logs of the others:"; tail -n 20 "$WORK/robot.log" "$WORK/node.log" >&2
    finish; exit 1
fi
finish
say "what the node said"
grep -v '^\[' "$WORK/node.log" || true
say "the recording, through the controller once more"
"$BIN/aegis" replay "$WORK/bag"
say "the bag lies in $WORK/bag"
for shown in "active strong" "fault estop is on"; do
    grep -q "$shown" "$WORK/node.log" && continue
    say "not shown this time: '$shown'. The machine was too busy for a robot: see the faults above, and run it again."
    exit 1
done
