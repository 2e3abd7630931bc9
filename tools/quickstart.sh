#!/usr/bin/env bash
# From a set-up clone to a model's answer: plane up, workspace applied, question asked.
# Run again it is warm: nothing is downloaded or converted, and a running plane is used as it is.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export KAITO_STATE_DIR=${KAITO_STATE_DIR:-$PWD/.kaito}
unset KUBECONFIG # the plane's own, whatever cluster the shell points at
kaito=.venv/bin/kaito
question="What is the capital of France?"

if ! "$kaito" status >/dev/null 2>&1; then
  "$kaito" up --detach
fi
"$kaito" apply -f examples/01-first-model/workspace.yaml --wait
echo
echo "> $question"
"$kaito" chat smollm2 "$question"
cat <<NEXT

The plane is still running. Next:
  .venv/bin/kaito chat smollm2                       talk to the model
  KUBECONFIG=$KAITO_STATE_DIR/kubeconfig kubectl get workspaces,pods,services
  .venv/bin/kaito down                               stop everything
NEXT
