#!/bin/sh
# Makes .venv-lerobot: LeRobot 0.6.1 and AEGIS, pinned, beside the environment of the product.
#
#   PYTHON_LEROBOT  the interpreter to use        (python3.12 or 3.13, on PATH or under pyenv)
#   VENV            where the environment goes    (.venv-lerobot)
#   TORCH_INDEX     where torch wheels come from  (https://download.pytorch.org/whl/cpu)
#                   TORCH_INDEX= (empty) takes what pip's own index gives.
#
# LeRobot needs a newer Python and an older PyAV than the product has, so it never goes into .venv.
set -eu
cd "$(dirname "$0")/.."
VENV=${VENV:-.venv-lerobot}
TORCH_INDEX=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
PIP="$VENV/bin/python -m pip --disable-pip-version-check --no-input -q -q"
export HF_HUB_OFFLINE=1

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
fail() { printf 'setup_lerobot: %s\n' "$*" >&2; exit 3; }

is_new_enough() { "$1" -c 'import sys; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; }

# Prints the first interpreter that will do; a shim of pyenv may stand for a version that is not chosen.
find_python() {
    root=${PYENV_ROOT:-$HOME/.pyenv}
    for found in ${PYTHON_LEROBOT:-python3.12 python3.13 "$root"/versions/3.12*/bin/python "$root"/versions/3.13*/bin/python}; do
        is_new_enough "$found" && printf '%s\n' "$found" && return
    done
    if [ -n "${PYTHON_LEROBOT:-}" ]; then
        given="PYTHON_LEROBOT=$PYTHON_LEROBOT is $({ "$PYTHON_LEROBOT" -V || echo no interpreter; } 2>/dev/null)"
    else
        given="there is none on PATH or under $root"
    fi
    fail "LeRobot 0.6.1 needs Python 3.12 or 3.13; $given. Install one (Debian 13 or Ubuntu 24.04: apt-get install -y python3.12-venv; or: pyenv install 3.12), or name it: make setup-lerobot PYTHON_LEROBOT=/path/to/python3.12"
}

# Prints the pins of both files; where both name a package, LeRobot's wins. torch is apart.
merge_pins() {
    "$VENV/bin/python" - constraints.txt scripts/lerobot/requirements.txt <<'PY'
import re, sys
pins = {}
for path in sys.argv[1:]:
    for line in open(path, encoding="utf-8"):
        if match := re.match(r"[\w.-]+(?===)", line):
            pins[re.sub(r"[-_.]+", "-", match[0]).lower()] = line.strip()
print("\n".join(pin for name, pin in pins.items() if name not in ("torch", "torchvision")))
PY
}

# A build with a label (2.13.0+cpu) comes from TORCH_INDEX, and its torchvision with it.
install_torchvision() {
    pin=$(grep '^torchvision==' scripts/lerobot/requirements.txt)
    label=$("$VENV/bin/python" -c 'from importlib.metadata import version; print(version("torch").partition("+")[2])')
    if [ -n "$label" ] && [ -n "$TORCH_INDEX" ]; then
        $PIP install --no-deps --extra-index-url "$TORCH_INDEX" "$pin+$label"
    else
        $PIP install --no-deps "$pin"
    fi
    "$VENV/bin/python" -c 'import torch' >/dev/null 2>&1 && return
    say "this torch build brings no libraries of its own; installing CUDA's (3 GB on disk, once)"
    $PIP install --no-deps -r scripts/lerobot/cuda.txt
}

python=$(find_python)
exec 9>"$VENV.lock"
"$python" -c 'import fcntl; fcntl.flock(9, fcntl.LOCK_EX)'
key=$(cat constraints.txt scripts/lerobot/*.txt scripts/setup_lerobot.sh integrations/*/pyproject.toml | cksum; printf '%s\n' "$python"; "$python" -V; printf '%s' "$TORCH_INDEX")
[ "$(cat "$VENV/.aegis-key" 2>/dev/null)" = "$key" ] && exit 0
say "1/4 virtual environment: $VENV ($("$python" -V); 3 GB on disk with a CPU build of torch, 6 GB without)"
rm -rf "$VENV"
"$python" -m venv "$VENV" || fail "'$python' has no venv. On Debian 13 or Ubuntu 24.04: apt-get install -y python3.12-venv"
say "2/4 torch"
VENV=$VENV TORCH_INDEX=$TORCH_INDEX scripts/install_torch.sh
install_torchvision
say "3/4 LeRobot, and everything that it and AEGIS import, pinned"
merge_pins | $PIP install --no-deps -r /dev/stdin || fail "pip could not install the pins; see above"
say "4/4 AEGIS and its plug-ins"
$PIP install --no-deps -e . -e integrations/lerobot_strategy_aegis -e integrations/lerobot_env_aegis -e integrations/vla_eval_aegis
said=$("$VENV/bin/python" -c 'import lerobot.policies, aegis, envs, policies, mujoco, vla_eval, openpi_client, lerobot_strategy_aegis, lerobot_env_aegis, vla_eval_aegis' 2>&1) ||
    fail "the installation does not import: $said"
printf '%s\n' "$key" >"$VENV/.aegis-key"
say "ready: $VENV/bin/aegis serve --help"
