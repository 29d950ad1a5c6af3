package tensor_test

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Every element type holds numbers that are exact in it, by Float and by Int,
// and has the memory of its Go type.
func TestElements(t *testing.T) {
	for _, dt := range dtype.All() {
		x := tensor.New(dt, shape.Of(3))
		for i, v := range []float64{0, 1, 100} {
			if dt == dtype.Bool {
				v = min(v, 1)
			}
			x.SetFloat(i, v)
			if got := x.Float(i); got != v {
				t.Errorf("%v: %v comes back as %v", dt, v, got)
			}
			x.SetInt(i, int64(v))
			if got := x.Int(i); got != int64(v) {
				t.Errorf("%v: the integer %v comes back as %v", dt, v, got)
			}
		}
		if len(x.Bytes()) != 3*dt.Size() {
			t.Errorf("%v: %d bytes", dt, len(x.Bytes()))
		}
		if back, err := dtype.Parse(dt.String()); err != nil || back != dt {
			t.Errorf("%v is parsed as %v, %v", dt, back, err)
		}
	}
}

// Floats of 16 bits round what is stored, and print like the others.
func TestHalves(t *testing.T) {
	b := tensor.New(dtype.BFloat16, shape.Of(2))
	b.SetFloat(0, 1+0x3p-8) // between 1+2/256 and 1+4/256
	b.SetFloat(1, math.MaxFloat64)
	if got := b.String(); got != "bf16[2]" || b.Float(0) != 1+0x4p-8 || !math.IsInf(b.Float(1), 1) {
		t.Errorf("%v [%v %v]", got, b.Float(0), b.Float(1))
	}
	f := tensor.Must(tensor.Of([]dtype.F16{dtype.NewF16(65519), dtype.NewF16(65520)}))
	if got := f.String(); got != "f16[2]" || f.Float(0) != 65504 || !math.IsInf(f.Float(1), 1) {
		t.Errorf("%v [%v %v]", got, f.Float(0), f.Float(1))
	}
}

// A row has the shape of what lies behind the first axis, shares memory, and
// costs no allocation.
func TestRow(t *testing.T) {
	x := tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2))
	row := x.Row(2)
	row.F32()[1] = 60
	if row.Shape() != shape.Of(2) || x.F32()[5] != 60 || row.F32()[0] != 5 {
		t.Errorf("row 2 of %v %v is %v %v", x, x.F32(), &row, row.F32())
	}
	scalar := tensor.Must(tensor.Of([]int64{7, 8})).Row(1)
	if scalar.Shape() != (shape.Shape{}) || scalar.Int(0) != 8 {
		t.Errorf("row 1 of a vector is %v", &scalar)
	}
	if n := testing.AllocsPerRun(100, func() { row = x.Row(1) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
