#!/bin/sh
# Makes .venv-docs: what builds the documentation site, pinned, apart from what AEGIS itself needs.
#
#   PYTHON  the interpreter to use         (python3; 3.11 or newer)
#   VENV    where the environment goes     (.venv-docs)
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv-docs}
exec 9>"$VENV.lock"
"$PYTHON" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
key=$(cksum docs/requirements.txt; "$PYTHON" -V)
[ "$(cat "$VENV/.aegis-key" 2>/dev/null)" = "$key" ] && exit 0
printf '\033[1m==>\033[0m documentation: %s (about 180 MB, once)\n' "$VENV" >&2
rm -rf "$VENV"
"$PYTHON" -m venv "$VENV" || {
    echo "docs: Python has no venv. Run: make setup, or on Debian: apt-get install -y python3-venv" >&2
    exit 3
}
"$VENV/bin/python" -m pip --disable-pip-version-check --no-input -q -q install --no-compile --no-deps -r docs/requirements.txt
printf '%s\n' "$key" >"$VENV/.aegis-key"
