package recipe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A recipe of two texts trains a model that makes one of the other: it reads the
// second too, and guesses its next tokens. Here it is the first in reverse.
func TestPairsOfTexts(t *testing.T) {
	for name, settings := range map[string]string{
		"seq2seq":     "width: 32, hidden: 64, encoder_layers: 1, decoder_layers: 1",
		"rnn_seq2seq": "width: 32, hidden: 64",
	} {
		t.Run(name, func(t *testing.T) { reverses(t, name, settings) })
	}
}

func reverses(t *testing.T, family, settings string) {
	var rows strings.Builder
	rows.WriteString("from,to\n")
	for i := range 256 {
		text := []byte{'a' + byte(i%4), 'a' + byte(i/4%4), 'a' + byte(i/16%4), 'a' + byte(i/64)}[i%3:]
		rows.Write(text)
		rows.WriteByte(',')
		for j := range text {
			rows.WriteByte(text[len(text)-1-j])
		}
		rows.WriteByte('\n')
	}
	path := filepath.Join(t.TempDir(), "pairs.csv")
	if err := os.WriteFile(path, []byte(rows.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := Parse(fmt.Appendf(nil, `
format: 1
name: reverse
data:
  train: {type: csv, path: %s}
  inputs:
    - {name: from, type: tokens, column: from, tokenizer: characters, length: 4}
    - {name: to, type: tokens, column: to, tokenizer: {type: characters, specials: [padding, unknown, start, end]}, length: 6, start: true, end: true}
  targets: [{name: next, type: next_tokens, input: to}]
  batch: 32
model: {type: %s, %s, dropout: 0}
loss: cross_entropy
optimizer: {type: adam, lr: 0.003}
strategy: {epochs: 30}
evaluate: {every_epochs: null}
machine: {threads: 2}
`, path, family, settings), "reverse.yaml")
	if err != nil {
		t.Fatal(err)
	}
	result, err := trained(t, r)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("loss %v after %d steps", result.Train.Loss, result.Step)
	if !(result.Train.Loss < 0.2) {
		t.Errorf("loss %v after %d steps", result.Train.Loss, result.Step)
	}
}
