#!/usr/bin/env bash
# One model in both programs, both ways round. Ends with an error when a count
# of rightly classified test images differs by one.
#
#   tools/torchcheck/run.sh [RUN_FOLDER]
#
# RUN_FOLDER is one that `gradus train mnist` wrote; without it, one epoch is
# trained. PYTHON names an interpreter that has requirements.txt.
set -euo pipefail
python=${PYTHON:-python3}
run=${1:+$(realpath "$1")}
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

echo "== trained by Gradus, scored by PyTorch"
if [ -z "$run" ]; then
	run=$scratch/gradus
	go run ./cmd/gradus train mnist strategy.epochs=1 --run "$run"
fi
"$python" tools/torchcheck/check_model.py "$run" --arch lenet

echo "== trained by PyTorch, scored by Gradus"
"$python" tools/torchcheck/make_model.py "$scratch/torch" --arch lenet | tee "$scratch/torch.txt"
theirs=$(tail -n 1 "$scratch/torch.txt")
ours=$(go run ./examples/evalmnist "$scratch/torch/model/model.safetensors")
echo "PyTorch  $theirs"
echo "Gradus   $ours"
if [ "${ours%, loss*}" != "${theirs%, loss*}" ]; then
	echo "the two programs disagree" >&2
	exit 1
fi
