package nn

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// recurrentCase says how a case of reference values is run.
type recurrentCase struct {
	Op      string
	States  int
	Lengths bool
}

// recurrentLayer makes the layer of a case, and what runs it: operands are x,
// states and lengths, nil where there are none.
func recurrentLayer(t *testing.T, op string, attrs []byte) (layer any, run func(c *Ctx, x, h, cell, lengths *ir.Value) []*ir.Value) {
	t.Helper()
	read := func(cfg any) {
		t.Helper()
		if err := json.Unmarshal(attrs, cfg); err != nil {
			t.Fatal(err)
		}
	}
	var cell CellConfig
	switch op {
	case "RNN":
		var cfg RNNConfig
		read(&cfg)
		l := cfg.Build()
		return l, func(c *Ctx, x, h, _, lengths *ir.Value) []*ir.Value {
			y, last := l.Unroll(c, x, h, lengths)
			return []*ir.Value{y, last}
		}
	case "LSTM":
		var cfg LSTMConfig
		read(&cfg)
		l := cfg.Build()
		return l, func(c *Ctx, x, h, cell, lengths *ir.Value) []*ir.Value {
			y, last, cells := l.Unroll(c, x, h, cell, lengths)
			return []*ir.Value{y, last, cells}
		}
	case "GRU":
		var cfg GRUConfig
		read(&cfg)
		l := cfg.Build()
		return l, func(c *Ctx, x, h, _, lengths *ir.Value) []*ir.Value {
			y, last := l.Unroll(c, x, h, lengths)
			return []*ir.Value{y, last}
		}
	case "RNNCell":
		var cfg RNNCellConfig
		read(&cfg)
		l := cfg.Build()
		return l, func(c *Ctx, x, h, _, _ *ir.Value) []*ir.Value { return []*ir.Value{l.Step(c, x, h)} }
	case "LSTMCell":
		read(&cell)
		l := cell.BuildLSTM()
		return l, func(c *Ctx, x, h, cell, _ *ir.Value) []*ir.Value {
			h, cell = l.Step(c, x, h, cell)
			return []*ir.Value{h, cell}
		}
	case "GRUCell":
		read(&cell)
		l := cell.BuildGRU()
		return l, func(c *Ctx, x, h, _, _ *ir.Value) []*ir.Value { return []*ir.Value{l.Step(c, x, h)} }
	}
	t.Fatalf("no layer %s", op)
	return nil, nil
}

// Keys, results and all gradients of recurrent layers and cells are those of
// torch.nn, with layers, directions, first states and packed sequences.
func TestRecurrentLayers(t *testing.T) {
	file := moduletest.Open(t, "testdata/recurrent.safetensors")
	var cases map[string]json.RawMessage
	file.Cases(&cases)
	for name, attrs := range cases {
		t.Run(name, func(t *testing.T) {
			var how recurrentCase
			if err := json.Unmarshal(attrs, &how); err != nil {
				t.Fatal(err)
			}
			l, run := recurrentLayer(t, how.Op, attrs)
			moduletest.Double(t, l)
			s := moduletest.NewStore(t, l, 0)
			g := file.In(t, name)
			g.Load(s)
			n := 1 + how.States
			args := []*tensor.Tensor{}
			for i := range n {
				args = append(args, g.Tensor(fmt.Sprint("in/", i)))
			}
			if how.Lengths {
				args = append(args, g.Tensor(fmt.Sprint("in/", n)))
			}
			results := 0
			for ; g.Has(fmt.Sprint("gout/", results)); results++ {
				args = append(args, g.Tensor(fmt.Sprint("gout/", results)))
			}
			params := module.ParamList(s.Tree.Params)
			out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
				var states [2]*ir.Value
				copy(states[:], in[1:n])
				var lengths *ir.Value
				if how.Lengths {
					lengths = in[n]
				}
				ys := run(c.Train(), in[0], states[0], states[1], lengths)
				of := append(c.Params(params), in[:n]...)
				return append(grad.VJP(ys, in[len(in)-results:], of...), ys...)
			}, args...)
			for i, p := range params {
				moduletest.Near(t, "gradient of "+p.Key, out[i], g.Tensor("grad/"+p.Key))
			}
			for i := range n {
				moduletest.Near(t, fmt.Sprint("gradient of operand ", i), out[len(params)+i], g.Tensor(fmt.Sprint("gin/", i)))
			}
			for i := range results {
				moduletest.Near(t, fmt.Sprint("result ", i), out[len(params)+n+i], g.Tensor(fmt.Sprint("out/", i)))
			}
		})
	}
}

// The first values are uniform in what PyTorch's are.
func TestRecurrentInit(t *testing.T) {
	cfg := DefaultLSTM(9, 16)
	cfg.Layers, cfg.Bidirectional = 2, true
	s := moduletest.NewStore(t, cfg.Build(), 1)
	for _, p := range s.Tree.Params {
		largest := 0.0
		for _, v := range s.Values[p.Key].F32() {
			largest = max(largest, math.Abs(float64(v)))
		}
		if largest > 0.25 || largest < 0.2 {
			t.Errorf("%s: largest %v, want up to 1/sqrt(16)", p.Key, largest)
		}
	}
}

// Dropout is between layers, in training alone.
func TestRecurrentDropout(t *testing.T) {
	x := tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 1, 3, 2))
	for layers, want := range map[int]bool{1: false, 2: true} {
		cfg := DefaultGRU(2, 8)
		cfg.Layers, cfg.Dropout = layers, 0.5
		l := cfg.Build()
		s := moduletest.NewStore(t, l, 1)
		out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{l.Forward(c.Train(), in[0]), l.Forward(c.Eval(), in[0])}
		}, x)
		if differ := string(out[0].Bytes()) != string(out[1].Bytes()); differ != want {
			t.Errorf("%d layers: dropout is at work: %v", layers, differ)
		}
	}
}

func TestRecurrentMistakes(t *testing.T) {
	lstm := NewLSTM(3, 4)
	x, state := ir.Type{DType: dtype.Float32, Shape: shape.Of(2, 5, 3)}, ir.Type{DType: dtype.Float32, Shape: shape.Of(1, 2, 4)}
	bad := DefaultLSTM(3, 0)
	bad.Dropout = 2
	projected := DefaultLSTM(3, 4)
	projected.ProjSize = 4
	relu := DefaultRNN(1, 1)
	relu.Nonlinearity = "sine"
	for _, m := range []struct {
		name string
		in   []ir.Type
		run  func(c *Ctx, in []*ir.Value)
		want string
	}{
		{"width", []ir.Type{{DType: dtype.Float32, Shape: shape.Of(2, 5, 4)}}, func(c *Ctx, in []*ir.Value) { lstm.Forward(c, in[0]) }, "lstm: wants x [B T 3]"},
		{"rank", []ir.Type{{DType: dtype.Float32, Shape: shape.Of(5, 3)}}, func(c *Ctx, in []*ir.Value) { lstm.Forward(c, in[0]) }, "lstm: wants x [B T 3]"},
		{"state", []ir.Type{x, state, x}, func(c *Ctx, in []*ir.Value) { lstm.Unroll(c, in[0], in[1], in[2], nil) }, "lstm: wants a state f32[1 2 4], got f32[2 5 3]"},
		{"lengths", []ir.Type{x, {DType: dtype.Int64, Shape: shape.Of(3)}}, func(c *Ctx, in []*ir.Value) { lstm.Unroll(c, in[0], nil, nil, in[1]) }, "lstm: wants lengths [2] of an integer type, got i64[3]"},
		{"float lengths", []ir.Type{x, {DType: dtype.Float32, Shape: shape.Of(2)}}, func(c *Ctx, in []*ir.Value) { lstm.Unroll(c, in[0], nil, nil, in[1]) }, "wants lengths [2] of an integer type, got f32[2]"},
		{"config", []ir.Type{x}, func(c *Ctx, in []*ir.Value) { bad.Build().Forward(c, in[0]) }, "lstm: hidden must be at least 1, got 0\ndropout 2 is outside 0..1"},
		{"projection", []ir.Type{x}, func(c *Ctx, in []*ir.Value) { projected.Build().Forward(c, in[0]) }, "lstm: proj_size must be in 1..3, below hidden, or 0 for no projection; got 4"},
		{"nonlinearity", []ir.Type{x}, func(c *Ctx, in []*ir.Value) { relu.Build().Forward(c, in[0]) }, `there is no nonlinearity "sine"; there are tanh and relu`},
		{"cell", []ir.Type{x}, func(c *Ctx, in []*ir.Value) { NewGRUCell(3, 4).Step(c, in[0], nil) }, "gru_cell: wants x [B 3]"},
		{"cell state", []ir.Type{{DType: dtype.Float32, Shape: shape.Of(2, 3)}, state}, func(c *Ctx, in []*ir.Value) { NewRNNCell(3, 4).Step(c, in[0], in[1]) }, "rnn_cell: wants a state f32[2 4], got f32[1 2 4]"},
	} {
		t.Run(m.name, func(t *testing.T) {
			g := ir.NewGraph()
			tree, err := module.Walk(lstm)
			if err != nil {
				t.Fatal(err)
			}
			var in []*ir.Value
			for _, typ := range m.in {
				in = append(in, g.Input(ir.Arg, "", typ))
			}
			m.run(module.NewCtx(g, tree, nil), in)
			if err := g.Err(); err == nil || !strings.Contains(err.Error(), m.want) {
				t.Errorf("error %v, want %q", err, m.want)
			}
		})
	}
}

// Lengths of any integer type do.
func TestRecurrentLengthTypes(t *testing.T) {
	l := NewRNN(1, 2)
	s := moduletest.NewStore(t, l, 1)
	x := tensor.Must(tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3, 1))
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		a, _ := l.Unroll(c, in[0], nil, in[1])
		b, _ := l.Unroll(c, in[0], nil, in[2])
		return []*ir.Value{a, b}
	}, x, tensor.Must(tensor.Of([]int32{1, 2})), tensor.Must(tensor.Of([]int64{1, 2})))
	moduletest.Near(t, "outputs", out[0], out[1])
	if y := out[0].F32(); y[2] != 0 || y[3] != 0 || y[0] == 0 {
		t.Errorf("outputs %v", y)
	}
}

// A sequence without a step keeps its first states, with a projection too.
func TestNoStep(t *testing.T) {
	cfg := DefaultLSTM(1, 3)
	cfg.ProjSize, cfg.Bidirectional = 2, true
	l := cfg.Build()
	s := moduletest.NewStore(t, l, 1)
	h0, c0 := sequence(2, 2, 2), sequence(2, 2, 3)
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		_, h, cell := l.Unroll(c, in[0], in[1], in[2], in[3])
		return []*ir.Value{h, cell}
	}, sequence(2, 3, 1), h0, c0, tensor.Must(tensor.Of([]int64{2, 0})))
	for d := range 2 {
		for i := range 2 {
			if at := d*4 + 2 + i; out[0].Float(at) != h0.Float(at) {
				t.Errorf("state %d is %v, was %v", at, out[0].Float(at), h0.Float(at))
			}
		}
		for i := range 3 {
			if at := d*6 + 3 + i; out[1].Float(at) != c0.Float(at) {
				t.Errorf("cell %d is %v, was %v", at, out[1].Float(at), c0.Float(at))
			}
		}
	}
}
