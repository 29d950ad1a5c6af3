package bench

import (
	"context"
	"math"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
)

func TestProductNames(t *testing.T) {
	for name, want := range map[string]product{
		"matmul":               {1024, 1024, 1024},
		"matmul-64":            {64, 64, 64},
		"matmul-512-tn":        {512, 512, 512},
		"matmul-1024-tt":       {1024, 1024, 1024},
		"matmul-64x784x128":    {64, 784, 128},
		"matmul-64x784x128-nt": {64, 784, 128},
	} {
		w, ok := Find(name)
		if !ok || w.Name != name || w.Flops != want.flops() {
			t.Errorf("%s: %q of %d operations, %v", name, w.Name, w.Flops, ok)
		}
	}
	for _, name := range []string{"matmul-0", "matmul-1024", "matmul-064", "matmul-nn", "matmul-512-nn", "matmul-512-n", "matmul-3x4", "matmul-20000", "matmul-512x512x512"} {
		if w, ok := Find(name); ok {
			t.Errorf("%s is %s", name, w.Name)
		}
	}
}

// All four ways to store the operands multiply the matrices that were meant.
func TestProducts(t *testing.T) {
	const rows, inner, cols = 5, 7, 3
	for _, aT := range []bool{false, true} {
		for _, bT := range []bool{false, true} {
			w := Matmul(rows, inner, cols, aT, bT)
			b := cpu.New(cpu.WithThreads(1))
			defer b.Close()
			s, err := w.build(b)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := s.Run(context.Background()); err != nil {
				t.Fatal(err)
			}
			matrix := func(key string, cols int, exchanged bool) func(i, j int) float64 {
				v, err := s.store.Get(key)
				if err != nil {
					t.Fatal(err)
				}
				return func(i, j int) float64 {
					if exchanged {
						i, j = j, i
					}
					return float64(v.F32()[i*cols+j])
				}
			}
			aCols, bCols := inner, cols
			if aT {
				aCols = rows
			}
			if bT {
				bCols = inner
			}
			x, y, z := matrix("a", aCols, aT), matrix("b", bCols, bT), matrix("c", cols, false)
			for i := range rows {
				for j := range cols {
					var want float64
					for k := range inner {
						want += x(i, k) * y(k, j)
					}
					if got := z(i, j); math.Abs(got-want) > 1e-5 {
						t.Errorf("%s: C[%d %d] is %v, want %v", w.Name, i, j, got, want)
					}
				}
			}
		}
	}
}
