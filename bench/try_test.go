package bench

import (
	"context"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

func TestTry(t *testing.T) {
	for _, w := range All() {
		t.Run(w.Name, func(t *testing.T) {
			b := cpu.New(cpu.WithThreads(2))
			defer b.Close()
			s, err := w.build(b)
			if err != nil {
				t.Fatal(err)
			}
			for range 5 {
				l, err := s.Run(context.Background())
				if err != nil {
					t.Fatal(err)
				}
				t.Log(l)
			}
			p, _ := s.fn.Plan(typesOf(s.in)...)
			t.Logf("%+v", p)
		})
	}
}

func typesOf(in []*tensor.Tensor) (ts []ir.Type) {
	for _, t := range in {
		ts = append(ts, ir.Type{DType: t.DType(), Shape: t.Shape()})
	}
	return ts
}
