#!/bin/sh
# Installs the pinned torch, alone, into the environment VENV. TORCH_INDEX: see setup.sh.
set -eu
cd "$(dirname "$0")/.."
TORCH_INDEX=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
PIP="$VENV/bin/python -m pip --disable-pip-version-check --no-input -q -q"
torch=$(grep '^torch==' constraints.txt)

reachable() {
    "$VENV/bin/python" - "$1" 2>/dev/null <<'PY'
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="HEAD"), timeout=8)
PY
}

if [ -z "$TORCH_INDEX" ]; then
    $PIP install --no-compile --no-deps "$torch"
elif reachable "$TORCH_INDEX/torch/"; then
    # An extra index, not the only one: a local mirror may hold the same build.
    $PIP install --no-compile --no-deps --extra-index-url "$TORCH_INDEX" "$torch"
else
    printf '\033[1m==>\033[0m %s\n' "$TORCH_INDEX does not answer; taking torch from pip's own index" >&2
    $PIP install --no-compile --no-deps "$torch"
fi
