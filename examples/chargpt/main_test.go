package main

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/opticks"
	"github.com/gradus-ml/gradus/model/gpt"
)

// A tiny writer learns what letters follow each other: the loss on unseen pages
// falls far below that of the frequencies of bytes alone, 3.1 nats. It repeats
// itself, and goes on from what it is given.
func TestWriter(t *testing.T) {
	text, err := opticks.Text()
	if err != nil {
		t.Fatal(err)
	}
	cfg := gpt.Small(256)
	cfg.Layers, cfg.Width, cfg.Heads, cfg.Hidden, cfg.Context = 1, 32, 2, 64, 32
	w := newWriter(cfg)
	if nats := w.read(t.Context(), text[:100_000], 300); nats > 2.75 {
		t.Errorf("loss %.3f", nats)
	}
	a := w.write(t.Context(), "Light ", 50, 0.8)
	if !strings.HasPrefix(a, "Light ") || len(a) != len("Light ")+50 {
		t.Errorf("wrote %q", a)
	}
	if b := w.write(t.Context(), "Light ", 50, 0.8); b != a {
		t.Errorf("wrote %q, then %q", a, b)
	}
}
