#!/usr/bin/env bash
# Makes the goldens of recipe/testdata/curves: the losses of PyTorch over the
# first 200 steps of three recipes, of one of them in bfloat16 too, and in float16
# where there is a GPU. usage: tools/curves/run.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/../.."
python=$1 dumps=$(mktemp -d)
small="data.inputs.0.length=64 data.inputs.0.pack.stride=64"
go run ./tools/curves "$dumps/mnist" 200 mnist data.inputs.0.augment=[]
go run ./tools/curves "$dumps/char-gpt" 200 char-gpt $small model.width=64 model.layers=2 model.heads=2 model.hidden=256 \
	model.embedding_dropout=0 model.attention_dropout=0 model.residual_dropout=0
go run ./tools/curves "$dumps/char-lstm" 200 char-lstm $small model.width=32 model.hidden=64 model.dropout=0
steps() { # of the whole run: epochs times steps of an epoch
	"$python" -c "from safetensors import safe_open; print($2 * int(safe_open('$1', 'pt').metadata()['steps_per_epoch']))"
}
out=recipe/testdata/curves
for p in float32 bfloat16; do
	name=mnist-$p
	"$python" tools/curves/curves.py lenet "$dumps/mnist" --total "$(steps "$dumps/mnist" 5)" --lr 0.002 --precision $p > $out/${name%-float32}.json
done
if "$python" -c "import torch, sys; sys.exit(not torch.cuda.is_available())"; then
	for p in float16 float32; do
		name=mnist-$p
		"$python" tools/curves/curves.py lenet "$dumps/mnist" --total "$(steps "$dumps/mnist" 5)" --lr 0.002 --precision $p --device cuda > $out/${name/float32/cuda}.json
	done
fi
"$python" tools/curves/curves.py gpt "$dumps/char-gpt" --total "$(steps "$dumps/char-gpt" 12)" --pieces 4 > $out/char-gpt.json
"$python" tools/curves/curves.py lstm "$dumps/char-lstm" --total "$(steps "$dumps/char-lstm" 12)" > $out/char-lstm.json
