#!/bin/sh
# Makes .venv: a virtual environment with everything that AEGIS needs, pinned, without a prompt.
#
#   PYTHON       the interpreter to use           (python3; 3.11 or newer)
#   VENV         where the environment goes       (.venv)
#   TORCH_INDEX  where torch wheels come from     (https://download.pytorch.org/whl/cpu)
#                For an NVIDIA GPU: TORCH_INDEX=https://download.pytorch.org/whl/cu130 make setup
#                TORCH_INDEX= (empty) takes what pip's own index gives.
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

make_venv() {
    [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1 && return
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

reachable() {
    "$VENV/bin/python" - "$1" 2>/dev/null <<'PY'
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="HEAD"), timeout=8)
PY
}

install_torch() {
    torch=$(grep '^torch==' constraints.txt)
    if [ -z "$TORCH_INDEX" ]; then
        $PIP install --no-compile --no-deps "$torch"
    elif reachable "$TORCH_INDEX/torch/"; then
        # An extra index, not the only one: a local mirror may hold the same build.
        $PIP install --no-compile --no-deps --extra-index-url "$TORCH_INDEX" "$torch"
    else
        say "$TORCH_INDEX does not answer; taking torch from pip's own index"
        $PIP install --no-compile --no-deps "$torch"
    fi
    # The common index may serve the CUDA build; without its libraries it does not import.
    "$VENV/bin/python" -c 'import ctypes, importlib.util as u, pathlib as p
ctypes.CDLL(str(p.Path(u.find_spec("torch").origin).parent / "lib" / "libtorch_cpu.so"))' 2>/dev/null && return
    say "this torch build brings no libraries of its own; installing those it declares"
    $PIP install --no-compile -c constraints.txt "$torch"
}

check_python
say "1/4 virtual environment: $VENV"
make_venv
say "2/4 torch (about 200 MB)"
install_torch
say "3/4 everything else, pinned in constraints.txt"
grep -v '^torch==' constraints.txt | $PIP install --no-compile --no-deps -r /dev/stdin
say "4/4 AEGIS"
$PIP install --no-compile --no-deps -e .
install_egl
"$VENV/bin/python" -c 'import aegis, envs, policies, torch, mujoco, libero, robosuite' >/dev/null 2>&1 ||
    { "$VENV/bin/python" -c 'import aegis, envs, policies, torch, mujoco, libero, robosuite' >&2; fail "the installation does not import; see above"; }
say "ready: $VENV/bin/aegis --help"
