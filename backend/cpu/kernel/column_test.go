package kernel

import (
	"fmt"
	"testing"
)

// TestColumns runs the kernels of columns on every number of columns to 130,
// beside unmapped pages, against the portable version.
func TestColumns(t *testing.T) {
	type kernel struct {
		name    string
		f       func(v *Vec) columns
		matrix  [6]bool // which pointers are matrices
		vectors int     // pointers in use
		fma     bool    // rounds once in assembly
	}
	kernels := []kernel{
		{"devs", func(v *Vec) columns { return v.columnDevs }, [6]bool{0: true}, 4, false},
		{"sums", func(v *Vec) columns { return v.columnSums }, [6]bool{0: true, 1: true}, 5, false},
		{"norm", func(v *Vec) columns { return v.columnNorm }, [6]bool{0: true, 1: true}, 5, true},
		{"grad", func(v *Vec) columns { return v.columnGrad }, [6]bool{0: true, 1: true, 2: true}, 6, false},
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for _, k := range kernels {
			for cols := 1; cols <= 130; cols++ {
				rows, stride := 1+cols%5, cols+cols%3
				what := fmt.Sprintf("%s %dx%d", k.name, rows, cols)
				r := random()
				var got, want, before [6][]float32
				for i := range k.vectors {
					n := cols
					if k.matrix[i] {
						n = (rows-1)*stride + cols
					}
					got[i], want[i] = fenced[float32](t, n, cols%2 == 0), make([]float32, n)
					for j := range got[i] {
						got[i][j] = float32(r.NormFloat64())
					}
					copy(want[i], got[i])
					before[i] = append(before[i], got[i]...)
				}
				run := func(f columns, x *[6][]float32) {
					f(rows, cols, stride, address(x[0], 0), address(x[1], 0), address(x[2], 0), address(x[3], 0), address(x[4], 0), address(x[5], 0))
				}
				run(k.f(&s.Vec), &got)
				run(k.f(&generic.Vec), &want)
				for i := range k.vectors {
					for j, x := range got[i] {
						off := 0.0
						if k.fma {
							off = 1e-6
						}
						if d := float64(x - want[i][j]); !same(x, want[i][j]) && !(d <= off && d >= -off) {
							t.Fatalf("%s: operand %d element %d is %g, portable %g, before %g", what, i, j, x, want[i][j], before[i][j])
						}
						if k.matrix[i] && j%stride >= cols && !same(x, before[i][j]) {
							t.Fatalf("%s: operand %d was written between rows", what, i)
						}
					}
				}
			}
		}
	})
}
