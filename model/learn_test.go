package model

import (
	"context"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Families for texts learn whether a text has the token 7, which a tenth of the
// tokens are, in texts of different lengths.
func TestTextsAreLearnt(t *testing.T) {
	const texts, length = 64, 8
	s := rng.NewStream(1, "texts", 0)
	x, y := tensor.New(dtype.Int64, shape.Of(texts, length)), tensor.New(dtype.Int64, shape.Of(texts))
	for i := range texts {
		for j := range 2 + i%(length-1) {
			token := int64(1 + s.IntN(10))
			x.SetInt(i*length+j, token)
			if token == 7 {
				y.SetInt(i, 1)
			}
		}
	}
	for _, name := range []string{"textcnn", "lstm_classifier", "tcn"} {
		in := item("text", dtype.Int64, 11, length)
		in.Padding = new(0)
		n, err := New(families()[name].cfg, []Input{in}, []Output{{Name: "label", Size: 2}})
		if err != nil {
			t.Fatal(err)
		}
		store, err := exec.NewStore(cpu.New(), n.Module, exec.Seed(1))
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		opt, err := optim.DefaultAdam().Build(store.Params())
		if err != nil {
			t.Fatal(err)
		}
		step := exec.NewFunc(store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			l := loss.CrossEntropy(n.Map(c.Train(), in[:1])[0], in[1])
			opt.Update(c, grad.Of(l, c.Params(opt)...), in[2])
			return []*ir.Value{l}
		})
		var first, last float64
		for i := range 30 {
			out, err := step.Run(context.Background(), x, y, tensor.Scalar[float32](0.01))
			if err != nil {
				t.Fatal(err)
			}
			if last = out[0].Float(0); i == 0 {
				first = last
			}
		}
		t.Logf("%s: %.3f, then %.3f", name, first, last)
		if !(last < 0.2) {
			t.Errorf("%s: the loss is %.3f at first, %.3f after 30 steps", name, first, last)
		}
	}
}
