package layers

import (
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Steps go through the layers as if they were examples.
func TestTimeDistributed(t *testing.T) {
	list := []Layer{Flatten{Start: 1}, Linear{Out: new(4), Bias: true}, Softmax{Axis: -1}}
	x := tensor.New(dtype.Float32, shape.Of(2, 3, 5, 2))
	for i := range x.Size() {
		x.SetFloat(i, float64(i%7)-3)
	}
	m, err := TimeDistributed{Layers: list}.Build(Operand{Type: ir.Type{DType: x.DType(), Shape: x.Shape()}})
	if err != nil {
		t.Fatal(err)
	}
	s := moduletest.NewStore(t, m, 1)
	all := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{m.Apply(c, Flow{Value: in[0]}).Value}
	}, x)[0]
	if want := shape.Of(2, 3, 4); all.Shape() != want {
		t.Fatalf("shape %v, want %v", all.Shape(), want)
	}
	steps, err := x.Reshape(6, 5, 2)
	if err != nil {
		t.Fatal(err)
	}
	body := m.(*distributed).body
	one := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{body.run(c, Flow{Value: in[0]}).Value}
	}, steps)[0]
	for i := range all.Size() {
		if all.Float(i) != one.Float(i) {
			t.Errorf("element %d is %v, want %v", i, all.Float(i), one.Float(i))
		}
	}
	for key, ok := range map[string]bool{"1.weight": true, "1.bias": true} {
		if _, has := s.Values[key]; has != ok {
			t.Errorf("parameter %s: %v", key, has)
		}
	}
}

// What is padding for masking is left out by what comes later.
func TestMasking(t *testing.T) {
	x := tensor.New(dtype.Float32, shape.Of(2, 3, 2))
	for i := range x.Size() {
		x.SetFloat(i, float64(i+1))
	}
	for _, i := range []int{4, 5, 8, 9, 10, 11} { // the last step of the first, the last two of the second
		x.SetFloat(i, -1)
	}
	operand := Operand{Type: ir.Type{DType: x.DType(), Shape: x.Shape()}}
	ch, y, err := build([]Layer{Masking{Value: -1}, TimePool{By: MeanOverTime}}, "layers", operand)
	if err != nil {
		t.Fatal(err)
	}
	if y.Masked {
		t.Error("the mean is masked")
	}
	out := moduletest.NewStore(t, ch, 0).Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{ch.Apply(c, Flow{Value: in[0]}).Value}
	}, x)[0]
	for i, want := range []float64{2, 3, 7, 8} {
		if out.Float(i) != want {
			t.Errorf("mean %d is %v, want %v", i, out.Float(i), want)
		}
	}
}
