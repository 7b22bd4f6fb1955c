#!/bin/sh
# Builds the wheel and installs it with each of its extras into an environment of its own, in a
# folder without the repository; there tests/tiers/<tier>.py tries what the extra promises.
#
#   scripts/test_tiers.sh [TIER...]   base, report, sim, learn, all; without: all five
#   PYTHON       the interpreter that makes the environments  (python3)
#   TORCH_INDEX  where torch wheels come from, see setup.sh
#   KEEP=1       leaves the folder with the environments behind
set -eu
cd "$(dirname "$0")/.."
home=$PWD
PYTHON=${PYTHON:-python3}
case $PYTHON in */*) PYTHON=$(cd "$(dirname "$PYTHON")" && pwd)/$(basename "$PYTHON") ;; esac
TORCH_INDEX=${TORCH_INDEX-https://download.pytorch.org/whl/cpu}
[ $# -gt 0 ] || set -- base report sim learn all
for tier; do
    [ -f "tests/tiers/$tier.py" ] || { echo "test_tiers: unknown tier '$tier'. Allowed: base report sim learn all" >&2; exit 2; }
done
unset PYTHONPATH
place=$(mktemp -d "${TMPDIR:-/tmp}/aegis-tiers.XXXXXX")
[ "${KEEP:-}" ] || trap 'rm -rf "$place"' EXIT
trap 'exit 130' INT TERM

say() { printf '\033[1m==>\033[0m %s\n' "$*" >&2; }
bare() { "$PYTHON" -c 'from aegis.app.extras import BARE; print(*BARE)'; }

say "the wheel"
"$PYTHON" -m pip -q -q --no-input wheel --no-deps -w "$place" .
wheel=$(ls "$place"/*.whl)
say "$(basename "$wheel"): $(du -k "$wheel" | cut -f1) kB"
bare=$(bare)

for tier; do
    began=$(date +%s)
    [ "$tier" = base ] && extra= || extra="[$tier]"
    [ "$tier" = all ] && extra="[sim,learn,report,stamp]"
    "$PYTHON" -m venv "$place/$tier"
    pip="$place/$tier/bin/python -m pip --disable-pip-version-check --no-input -q -q"
    case $tier in
        # CUDA's libraries, which some torch wheels declare, are not wanted here: torch comes first.
        learn | all) VENV="$place/$tier" "$home/scripts/install_torch.sh" ;;
    esac
    $pip install --no-compile -c constraints.txt "$wheel$extra"
    case $tier in
        # shellcheck disable=SC2086  # a list of packages
        sim | all) $pip install --no-compile --no-deps $bare ;;
    esac
    mkdir -p "$place/work-$tier/tests" "$place/work-$tier/runs"
    : >"$place/work-$tier/tests/__init__.py"
    cp -r tests/tiers "$place/work-$tier/tests/"
    case $tier in report | all) cp -r runs/reference "$place/work-$tier/runs/" ;; esac
    installed=$(date +%s)
    (cd "$place/work-$tier" && "$place/$tier/bin/python" -m "tests.tiers.$tier")
    say "$tier: ok; $(du -sm "$place/$tier" | cut -f1) MB, installed in $((installed - began)) s, tried in $(($(date +%s) - installed)) s"
    [ "${KEEP:-}" ] || rm -rf "${place:?}/$tier" "$place/work-$tier"
done
