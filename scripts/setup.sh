#!/bin/sh
# Makes .venv: a virtual environment with everything that AEGIS needs, pinned, without a prompt.
#
#   PYTHON       the interpreter to use           (python3; 3.11 or newer)
#   VENV         where the environment goes       (.venv)
#   TORCH_INDEX  where torch wheels come from     (https://download.pytorch.org/whl/cpu)
#                For an NVIDIA GPU: TORCH_INDEX=https://download.pytorch.org/whl/cu130 make setup
#                TORCH_INDEX= (empty) takes what pip's own index gives.
#
# Two of them at once do not disturb each other: the second waits, and finds the work done.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
VENV=${VENV:-.venv}
TORCH_INDEX=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
PIP="$VENV/bin/python -m pip --disable-pip-version-check --no-input -q -q"

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 3; }

check_python() {
    command -v "$PYTHON" >/dev/null 2>&1 ||
        fail "'$PYTHON' is not installed. On Debian or Ubuntu: apt-get install -y python3 python3-venv"
    "$PYTHON" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "Python 3.11 or newer is needed; '$PYTHON' is $("$PYTHON" -V 2>&1). Name another one: make setup PYTHON=python3.12"
}

# Holds descriptor 9 until this script ends; not before has another one its turn.
take_turn() {
    exec 9>"$VENV.lock"
    "$PYTHON" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.LOCK_NB)' 2>/dev/null && return
    say "another make sets up $VENV; waiting for it"
    "$PYTHON" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
}

# What the environment is made from: equal keys, equal environments.
key() {
    "$PYTHON" - "$VENV" "$TORCH_INDEX" constraints.txt pyproject.toml scripts/setup.sh scripts/install_torch.sh <<'PY'
import hashlib, pathlib, sys
found = hashlib.sha256(f"{sys.version_info[:2]} {pathlib.Path(sys.argv[1]).resolve()} {sys.argv[2]}".encode())
for path in sys.argv[3:]:
    found.update(pathlib.Path(path).read_bytes())
print(found.hexdigest())
PY
}

version_of() { "$1" -c 'import sys; print(sys.version_info[:2], sys.version_info.releaselevel)' 2>/dev/null; }

make_venv() {
    if [ -e "$VENV" ]; then
        [ "$(version_of "$VENV/bin/python")" = "$(version_of "$PYTHON")" ] &&
            "$VENV/bin/python" -m pip --version >/dev/null 2>&1 && return
        [ -e "$VENV/pyvenv.cfg" ] || fail "$VENV is there and is no virtual environment. Move it away, or name another: make setup VENV=PATH"
        say "$VENV is of another Python, or broken; making it anew"
        rm -rf "$VENV"
    fi
    if "$PYTHON" -c 'import ensurepip' 2>/dev/null; then
        "$PYTHON" -m venv "$VENV"
        return
    fi
    # Debian and Ubuntu ship venv apart from Python.
    as_root apt-get install -y python3-venv || fail "Python has no venv. Run: sudo apt-get install -y python3-venv"
    "$PYTHON" -m venv "$VENV"
}

as_root() {
    [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
    DEBIAN_FRONTEND=noninteractive apt-get -qq update >&2 || return 1
    DEBIAN_FRONTEND=noninteractive "$@" >/dev/null
}

has_egl() {
    "$VENV/bin/python" -c 'import ctypes
for name in ("libEGL.so.1", "libOpenGL.so.0", "libEGL_mesa.so.0"): ctypes.CDLL(name)' 2>/dev/null ||
        command -v nvidia-smi >/dev/null 2>&1
}

install_egl() {
    has_egl && return
    packages="libegl1 libopengl0 libgl1 libgl1-mesa-dri"
    say "EGL is missing; MuJoCo needs it to render without a display. Installing $packages"
    # shellcheck disable=SC2086  # a list of packages
    as_root apt-get install -y $packages && has_egl && return
    say "Could not install it. Run: sudo apt-get install -y $packages"
}

# The common index may serve the CUDA build, which does not import without CUDA's libraries. Only
# these are fetched of all that it declares; its compiler (triton) is never used here.
complete_torch() {
    "$VENV/bin/python" -c 'import torch' >/dev/null 2>&1 && return
    say "this torch build brings no libraries of its own; installing CUDA's (3 GB on disk, once)"
    libraries=$("$VENV/bin/python" - <<'PY'
import importlib.metadata as m
for line in m.requires("torch") or ():
    if line.startswith(("nvidia-", "cuda-toolkit")):
        print(line.partition(";")[0].strip().replace(" ", ""))
PY
    )
    # shellcheck disable=SC2086  # a list of packages; pip's complaint about triton is kept back
    said=$($PIP install --no-compile -c constraints.txt $libraries 2>&1) || fail "$said"
}

check_python
take_turn
stamp="$VENV/.aegis-key"
key=$(key)
[ "$(cat "$stamp" 2>/dev/null)" = "$key" ] && exit 0
say "1/4 virtual environment: $VENV ($("$PYTHON" -V))"
make_venv
rm -f "$stamp"
say "2/4 torch (about 200 MB)"
VENV=$VENV TORCH_INDEX=$TORCH_INDEX scripts/install_torch.sh
say "3/4 everything else, pinned in constraints.txt"
grep -v '^torch==' constraints.txt | $PIP install --no-compile --no-deps -r /dev/stdin
complete_torch
say "4/4 AEGIS"
$PIP install --no-compile --no-deps -e .
install_egl
"$VENV/bin/python" -c 'import aegis, envs, policies, torch, mujoco, libero, robosuite' >/dev/null 2>&1 ||
    { "$VENV/bin/python" -c 'import aegis, envs, policies, torch, mujoco, libero, robosuite' >&2; fail "the installation does not import; see above"; }
printf '%s\n' "$key" >"$stamp"
say "ready: $VENV/bin/aegis --help"
