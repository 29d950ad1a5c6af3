package train_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/loss/losstest"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// shift adds a parameter to each example: a model whose output is what a loss is
// defined for.
type shift struct{ By *module.Param }

func (s *shift) Forward(c *nn.Ctx, x *ir.Value) *ir.Value {
	return ops.Add(x, ops.Broadcast(c.Param(s.By), x.Shape()))
}

// example is output and target of the reference values of a loss, in float32: of
// the first case with a finite mean whose examples can be told apart.
func example(t *testing.T, cases []losstest.Case, kind string) (c losstest.Case, output, target *tensor.Tensor) {
	t.Helper()
	for _, c = range cases {
		if c.Kind != kind || c.Reduction != loss.Mean || !c.HasTerms() || c.In[0].Shape().Dim(0) < 3 {
			continue
		}
		steepest, largest := largest(c.Golden.Tensor("gin/0")), largest(c.In[0])
		if !(steepest > 1e-3 && steepest < 10 && largest < 30) {
			continue
		}
		g := ir.NewGraph()
		var in []*ir.Value
		args, _ := c.Args()
		for i, x := range args {
			if x.DType().IsFloat() {
				args[i] = optest.Convert(x, dtype.Float32)
			}
			in = append(in, g.Input(ir.Arg, "in", ir.Type{DType: args[i].DType(), Shape: x.Shape()}))
		}
		o, y := c.Output(c.Place(in))
		if y == nil {
			y = ops.Full(g, dtype.Int64, shape.Of(o.Dim(0)), 0) // is not read
		}
		g.SetOutputs(o, y)
		out, err := interp.Run(g, args...)
		if err != nil {
			t.Fatal(err)
		}
		return c, out.Outputs[0], out.Outputs[1]
	}
	t.Fatalf("%s: there is no case to train on", kind)
	return c, nil, nil
}

// largest is the largest absolute value.
func largest(x *tensor.Tensor) (v float64) {
	for i := range x.Size() {
		v = max(v, math.Abs(x.Float(i)))
	}
	return v
}

// Every loss trains: it falls, and a batch in pieces takes the steps of the
// whole.
func TestEveryLossTrains(t *testing.T) {
	cases := losstest.Cases(t, "../loss/testdata/*.safetensors")
	for _, k := range loss.Kinds() {
		t.Run(k.Name, func(t *testing.T) {
			c, output, target := example(t, cases, k.Name)
			set, err := data.Tensors(output, target)
			if err != nil {
				t.Fatal(err)
			}
			fit := func(pieces int) (losses []float64) {
				model := &shift{&module.Param{Shape: output.Shape().Tail(), DType: dtype.Float32}}
				store, err := exec.NewStore(cpu.New(cpu.WithThreads(2)), model, exec.Seed(1))
				if err != nil {
					t.Fatal(err)
				}
				defer store.Close()
				feed, err := data.NewLoader(set, data.LoaderConfig{Batch: output.Shape().Dim(0)})
				if err != nil {
					t.Fatal(err)
				}
				sgd := optim.DefaultSGD()
				sgd.LR = 1e-3
				strategy := train.DefaultStrategy()
				strategy.Epochs, strategy.Accumulate = new(4), pieces
				tr := &train.Trainer{
					Store: store, Forward: train.Single(model), Inputs: 1, Heads: []train.Head{{Loss: c.Config, Weight: 1}},
					Optimizers: []optim.Part{{Config: sgd}}, Schedule: schedule.Constant{}, Strategy: strategy, Train: feed, LogEvery: 1,
				}
				tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
					if e, ok := e.(*train.Stepped); ok {
						losses = append(losses, e.Loss)
					}
					return nil
				})
				if _, err := tr.Fit(t.Context()); err != nil {
					t.Fatalf("%s: %v", c.Name, err)
				}
				return losses
			}
			whole, pieces := fit(1), fit(3)
			if len(whole) != 4 || !(whole[3] < whole[0]) {
				t.Errorf("%s: losses %v do not fall", c.Name, whole)
			}
			if c.Together { // pieces are batches of their own
				return
			}
			for i, l := range pieces {
				if d := math.Abs(l - whole[i]); !(d <= 1e-5*max(1, math.Abs(l))) {
					t.Errorf("%s: in pieces %v, as a whole %v", c.Name, pieces, whole)
					break
				}
			}
		})
	}
}

// A label that is no class ends a run before the weights change, with its place
// and value; so does one that an evaluation meets. That of padding is ignored.
func TestLabelOutside(t *testing.T) {
	for _, c := range []struct {
		label             int64
		pieces            int
		evaluate, guarded bool
		want              string
	}{
		{label: -100, pieces: 1},
		{3, 1, false, false, "train: step 1 (batch 1 of epoch 1): cross_entropy: label 3 at [7] of input 1 is outside 0..2, and is not -100"},
		{-1, 1, false, true, "cross_entropy: label -1 at [7] of input 1 is outside 0..2"},
		{3, 4, false, false, "cross_entropy: label 3 at [7] of input 1 is outside 0..2"},
		{3, 1, true, false, "cross_entropy: label 3 at [7] of input 1 is outside 0..2"},
	} {
		tr := newTrainer(t, 1, 1)
		x, y := points(40, "label")
		y.SetInt(7, c.label)
		set, err := data.Tensors(x, y)
		if err != nil {
			t.Fatal(err)
		}
		bad, err := data.NewLoader(set, data.LoaderConfig{Batch: 20})
		if err != nil {
			t.Fatal(err)
		}
		if c.evaluate {
			tr.Validation = bad
		} else {
			tr.Train = bad
		}
		if c.guarded {
			tr.Strategy.Guard = new(train.DefaultGuard())
		}
		tr.Strategy.Accumulate = c.pieces
		tr.Heads[0].Metrics = nil
		before, err := tr.Store.Get(tr.Store.Params()[0].Key)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tr.Fit(t.Context())
		if c.want == "" && err == nil {
			continue
		}
		if err == nil || c.want == "" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("label %d, %d pieces: error %v, want %q", c.label, c.pieces, err, c.want)
		}
		after, err := tr.Store.Get(tr.Store.Params()[0].Key)
		if err != nil || !c.evaluate && !bytes.Equal(before.Bytes(), after.Bytes()) {
			t.Errorf("label %d: weights have changed, %v", c.label, err)
		}
	}
}
