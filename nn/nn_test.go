package nn

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func f32(dims ...int) ir.Type { return ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)} }

func random(dims ...int) *tensor.Tensor {
	v := tensor.New(dtype.Float32, shape.Of(dims...))
	Normal(0, 1)(rng.NewStream(1, "x", 0), v)
	return v
}

// forward runs one layer in both modes.
func forward(t *testing.T, s *moduletest.Store, l Forwarder, x *tensor.Tensor) (train, eval *tensor.Tensor) {
	t.Helper()
	out := s.Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{l.Forward(c.Train(), in[0]), l.Forward(c.Eval(), in[0])}
	}, x)
	return out[0], out[1]
}

func TestDropout(t *testing.T) {
	type net struct {
		Other []*Dropout
		Drop  *Dropout
	}
	x := tensor.New(dtype.Float32, shape.Of(100, 100))
	Ones()(nil, x)
	run := func(m *net, s *moduletest.Store) *tensor.Tensor {
		out := s.Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
			for _, d := range m.Other {
				d.Forward(c.Train(), in[0])
			}
			return []*ir.Value{m.Drop.Forward(c.Train(), in[0]), m.Drop.Forward(c.Eval(), in[0])}
		}, x)
		moduletest.Near(t, "evaluation", out[1], x)
		return out[0]
	}
	m := &net{Drop: NewDropout(0.25)}
	s := moduletest.NewStore(t, m, 5)
	first := run(m, s)
	kept := 0
	for _, v := range first.F32() {
		if v != 0 {
			kept++
			if math.Abs(float64(v)-4.0/3) > 1e-6 {
				t.Fatalf("an element kept is %v", v)
			}
		}
	}
	if kept < 7300 || kept > 7700 { // 7500 and seven deviations
		t.Errorf("%d of 10000 kept", kept)
	}
	if string(run(m, s).Bytes()) == string(first.Bytes()) {
		t.Error("two steps have one mask")
	}
	large := &net{Other: []*Dropout{NewDropout(0.5)}, Drop: NewDropout(0.25)}
	if string(run(large, moduletest.NewStore(t, large, 5)).Bytes()) != string(first.Bytes()) {
		t.Error("a layer elsewhere moves the mask")
	}
	if string(run(m, moduletest.NewStore(t, m, 6)).Bytes()) == string(first.Bytes()) {
		t.Error("two seeds have one mask")
	}
	all, _ := forward(t, moduletest.NewStore(t, m, 5), NewDropout(1), x)
	if mean, _, _, _ := moments(all); mean != 0 {
		t.Error("a probability of 1 keeps elements")
	}
	none, _ := forward(t, moduletest.NewStore(t, m, 5), NewDropout(0), x)
	moduletest.Near(t, "probability 0", none, x)
}

func TestSequential(t *testing.T) {
	inner := NewSequential(NewLinear(4, 3), &ReLU{})
	l := NewSequential(NewFlatten(), inner, &Dropout{0}, NewLinear(3, 2))
	s := moduletest.NewStore(t, l, 1)
	var keys []string
	for _, p := range s.Tree.Params {
		keys = append(keys, p.Key)
	}
	if got := strings.Join(keys, " "); got != "1.0.weight 1.0.bias 3.weight 3.bias" {
		t.Errorf("keys %s", got)
	}
	x := random(5, 2, 2)
	train, _ := forward(t, s, l, x)
	by := s.Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
		h := ops.ReLU(inner.Modules[0].Forward(c, ops.Reshape(in[0], 5, 4)))
		return []*ir.Value{l.Modules[3].Forward(c, h)}
	}, x)
	moduletest.Near(t, "chain", train, by[0])

	empty, _ := forward(t, s, NewSequential(), x)
	moduletest.Near(t, "empty chain", empty, x)
}

// Modules give what the functions of package ops give.
func TestActivations(t *testing.T) {
	axis := 1
	for name, tc := range map[string]struct {
		l Forwarder
		f func(x *ir.Value) *ir.Value
	}{
		"ReLU":       {&ReLU{}, ops.ReLU},
		"ReLU6":      {&ReLU6{}, ops.ReLU6},
		"LeakyReLU":  {&LeakyReLU{0.2}, func(x *ir.Value) *ir.Value { return ops.LeakyReLU(x, 0.2) }},
		"ELU":        {&ELU{0.5}, func(x *ir.Value) *ir.Value { return ops.ELU(x, 0.5) }},
		"SELU":       {&SELU{}, ops.SELU},
		"GELU":       {&GELU{}, ops.GELU},
		"GELU tanh":  {&GELU{Tanh: true}, ops.GELUTanh},
		"SiLU":       {&SiLU{}, ops.SiLU},
		"Mish":       {&Mish{}, ops.Mish},
		"Softplus":   {&Softplus{2, 1}, func(x *ir.Value) *ir.Value { return ops.Softplus(x, 2, 1) }},
		"Hardswish":  {&Hardswish{}, ops.Hardswish},
		"Tanh":       {&Tanh{}, ops.Tanh},
		"Sigmoid":    {&Sigmoid{}, ops.Sigmoid},
		"Softmax":    {&Softmax{axis}, func(x *ir.Value) *ir.Value { return ops.Softmax(x, axis) }},
		"LogSoftmax": {&LogSoftmax{axis}, func(x *ir.Value) *ir.Value { return ops.LogSoftmax(x, axis) }},
	} {
		out := moduletest.NewStore(t, tc.l, 0).Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{tc.l.Forward(c, in[0]), tc.f(in[0]), in[0]}
		}, random(4, 7))
		moduletest.Near(t, name, out[0], out[1])
		if string(out[0].Bytes()) == string(out[2].Bytes()) {
			t.Errorf("%s does nothing", name)
		}
	}
}

// A linear layer maps a vector as it maps each row of a batch.
func TestLinearOfVector(t *testing.T) {
	l := NewLinear(4, 3)
	s := moduletest.NewStore(t, l, 1)
	x := random(4)
	y, _ := forward(t, s, l, x)
	row, _ := forward(t, s, l, tensor.Must(tensor.Of(x.F32(), 1, 4)))
	moduletest.Near(t, "vector", y, tensor.Must(tensor.Of(row.F32(), 3)))
}

// One step may hold one layer in both modes.
func TestBatchNormInBothModes(t *testing.T) {
	l := NewBatchNorm1d(2)
	s := moduletest.NewStore(t, l, 0)
	x := random(50, 2)
	train, eval := forward(t, s, l, x)
	if mean, std, _, _ := moments(train); math.Abs(mean) > 1e-5 || math.Abs(std-1) > 1e-3 {
		t.Errorf("training: mean %v and deviation %v", mean, std)
	}
	if string(train.Bytes()) == string(eval.Bytes()) {
		t.Error("evaluation uses the statistics of the batch")
	}
	if n := s.Values["num_batches_tracked"].Int(0); n != 1 {
		t.Errorf("%d batches tracked", n)
	}
}

// Logits are the products with all vectors.
func TestEmbeddingLogits(t *testing.T) {
	l := NewEmbedding(5, 3)
	s := moduletest.NewStore(t, l, 7)
	x := random(4, 3)
	y := s.Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value { return []*ir.Value{l.Logits(c, in[0])} }, x)[0]
	w := s.Values["weight"]
	for i := range 4 {
		for j := range 5 {
			want := 0.0
			for d := range 3 {
				want += x.Float(3*i+d) * w.Float(3*j+d)
			}
			if got := y.Float(5*i + j); math.Abs(got-want) > 1e-5 {
				t.Errorf("logit %d of row %d is %v, want %v", j, i, got, want)
			}
		}
	}
}

func TestEmbeddingIndexOutside(t *testing.T) {
	l := NewEmbedding(3, 2)
	s := moduletest.NewStore(t, l, 0)
	for _, bad := range []int32{-1, 3, 1 << 30} {
		y, _ := forward(t, s, l, tensor.Must(tensor.Of([]int32{2, bad})))
		if v := y.F32(); v[0] != v[0] || v[2] == v[2] || v[3] == v[3] {
			t.Errorf("index %d gives %v", bad, v)
		}
	}
}

// A mistake says what was wanted, what came, and where in model and program.
func TestMistakes(t *testing.T) {
	bad2d := DefaultConv2d(4, 6, 3)
	bad2d.Groups, bad2d.Padding[1], bad2d.Stride[0] = 4, -1, 0
	groups := DefaultConv1d(4, 6, 3)
	groups.Groups = 4
	same := DefaultConv2d(4, 6, 3)
	same.Same, same.Stride[1], same.Padding[0], same.PaddingMode = true, 2, 1, 7
	circular := DefaultConv1d(3, 4, 3)
	circular.Padding, circular.PaddingMode = 6, PadCircular
	up := DefaultConvTranspose2d(4, 6, 3)
	up.OutputPadding[1] = 1
	pool := DefaultMaxPool2d(3)
	pool.Padding[0] = 2
	ceil := DefaultAvgPool2d(3)
	ceil.DivisorOverride = new(0)
	upsample := UpsampleConfig{Size: []int{3, 0}, ScaleFactor: []int{2}, Mode: 5}
	norm := DefaultBatchNorm(0)
	norm.Eps, norm.Momentum = -1, new(2.0)
	layerNorm := DefaultLayerNorm()
	layerNorm.Affine = false
	groupNorm := DefaultGroupNorm(4, 6)
	groupNorm.Eps = -1
	instanceNorm := DefaultInstanceNorm(0)
	instanceNorm.Momentum = 2
	rmsNorm := DefaultRMSNorm(0)
	rmsNorm.Eps = new(-1.0)
	embedding := DefaultEmbedding(4, 2)
	embedding.PaddingIdx = new(4)
	for _, tc := range []struct {
		name  string
		layer Forwarder
		in    ir.Type
		want  []string
	}{
		{"linear", NewLinear(4, 2), f32(3, 5), []string{"linear: ", "f32[3 5]", "weight f32[2 4]"}},
		{"linear config", NewLinear(0, -2), f32(3, 5), []string{"linear: in must be at least 1, got 0\nout must be at least 1, got -2"}},
		{"linear too large", NewLinear(1<<40, 1<<40), f32(3, 5), []string{"too many elements"}},
		{"conv2d channels", NewConv2d(3, 4, 3), f32(2, 1, 8, 8), []string{"conv", "f32[2 1 8 8]", "weight f32[4 3 3 3]"}},
		{"conv2d rank", NewConv2d(3, 4, 3), f32(2, 3, 8), []string{"conv: a weight of rank 4 wants an operand [B C Y X], got one of rank 3: x f32[2 3 8], block.0.weight f32[4 3 3 3]"}},
		{"conv2d window", NewConv2d(3, 4, 3), f32(2, 3, 2, 8), []string{"conv", "f32[2 3 2 8]"}},
		{"conv1d rank", NewConv1d(3, 4, 3), f32(2, 3, 8, 8), []string{"conv", "f32[2 3 8 8]"}},
		{"conv2d config", bad2d.Build(), f32(2, 4, 8, 8), []string{"conv2d: ", "stride must be at least 1, got 0", "padding must not be negative, got -1"}},
		{"conv1d groups", groups.Build(), f32(2, 4, 8), []string{"conv1d: 4 channels in and 6 out do not both divide into 4 groups"}},
		{"conv2d same", same.Build(), f32(2, 4, 8, 8), []string{"conv2d: ", "same wants a stride of 1, got 2", "padding must be 0, got 1", "there is no paddingmode(7)"}},
		{"conv1d circular", circular.Build(), f32(2, 3, 5), []string{"pad_circular: axis 2 of 5 elements can't be widened by 6 and 6", "f32[2 3 5]"}},
		{"conv3d rank", NewConv3d(3, 4, 3), f32(2, 3, 8, 8), []string{"conv: a weight of rank 5 wants an operand [B C Z Y X], got one of rank 4: x f32[2 3 8 8], block.0.weight f32[4 3 3 3 3]"}},
		{"conv transpose channels", NewConvTranspose1d(3, 4, 3), f32(2, 4, 8), []string{"conv_transpose: the input has 4 channels, the weight wants 3: x f32[2 4 8], block.0.weight f32[3 4 3]"}},
		{"conv transpose rank", NewConvTranspose3d(3, 4, 3), f32(2, 3, 8), []string{"conv_transpose: a weight of rank 5 wants an operand [B C Z Y X], got one of rank 3"}},
		{"conv transpose config", up.Build(), f32(2, 4, 8, 8), []string{"conv_transpose2d: output padding must be at least 0 and below stride or dilation, got 1"}},
		{"max pool", NewMaxPool2d(2), f32(2, 3, 8), []string{"max_pool: wants an operand [B C Y X]: x f32[2 3 8]"}},
		{"max pool window", NewMaxPool2d(9), f32(2, 3, 8, 8), []string{"max_pool: ", "x f32[2 3 8 8]"}},
		{"max pool config", pool.Build(), f32(2, 3, 8, 8), []string{"max_pool: padding must be at least 0 and at most half of the kernel 3, got 2"}},
		{"avg pool", NewAvgPool2d(2), f32(8, 8), []string{"avg_pool: wants an operand [B C Y X]"}},
		{"avg pool config", NewAvgPool2d(0), f32(1, 1, 8, 8), []string{"avg_pool: kernel must be at least 1"}},
		{"max pool 1d", NewMaxPool1d(2), f32(2, 3, 8, 8), []string{"max_pool: wants an operand [B C T]: x f32[2 3 8 8]"}},
		{"avg pool divisor", ceil.Build(), f32(1, 1, 8, 8), []string{"avg_pool: divisor override must not be 0"}},
		{"lp pool norm", NewLPPool2d(0, 2), f32(1, 1, 8, 8), []string{"lp_pool: norm must be positive, got 0"}},
		{"adaptive pool", NewAdaptiveAvgPool2d(2, 0), f32(1, 1, 8, 8), []string{"adaptive_avg_pool: out must be at least 1, got 0"}},
		{"adaptive pool rank", NewAdaptiveMaxPool1d(2), f32(1, 1, 8, 8), []string{"adaptive_max_pool: wants an operand [B C T]: x f32[1 1 8 8]"}},
		{"upsample", NewUpsample(2), f32(1, 1, 8), []string{"upsample: wants an operand [B C ...] with 2 spatial axes: x f32[1 1 8]"}},
		{"upsample config", upsample.Build(), f32(1, 1, 8, 8), []string{"upsample: size must be at least 1, got 0", "there is no upsamplemode(5)", "wants either a size or a scale factor"}},
		{"pixel shuffle", NewPixelShuffle(2), f32(1, 3, 8, 8), []string{"pixel_shuffle: wants images [B C Y X] whose channels divide by the square of the factor 2"}},
		{"batch norm channels", NewBatchNorm2d(4), f32(2, 3, 8, 8), []string{"batch_norm: wants 4 channels on axis 1: x f32[2 3 8 8]"}},
		{"batch norm rank", NewBatchNorm2d(3), f32(2, 3, 8), []string{"batch_norm: wants an operand [B C Y X]"}},
		{"batch norm 1d rank", NewBatchNorm1d(3), f32(2, 3, 8, 8), []string{"batch_norm: wants an operand [B C] or [B C T]"}},
		{"batch norm of one element", NewBatchNorm1d(3), f32(1, 3), []string{"batch_norm: wants more than one element a channel in training mode"}},
		{"batch norm config", norm.Build1d(), f32(2, 3), []string{"channels must be", "eps must not be negative", "momentum must be in 0..1, got 2"}},
		{"layer norm", NewLayerNorm(3, 4), f32(2, 4, 3), []string{"layer_norm: wants the last axes to be [3 4]: x f32[2 4 3]"}},
		{"layer norm rank", NewLayerNorm(3, 4), f32(4), []string{"layer_norm: wants the last axes to be [3 4]"}},
		{"layer norm config", layerNorm.Build(), f32(4), []string{"shape must name at least one axis", "bias needs affine"}},
		{"group norm", NewGroupNorm(2, 4), f32(2, 3, 4), []string{"group_norm: wants 4 channels on axis 1: x f32[2 3 4]"}},
		{"group norm rank", NewGroupNorm(2, 4), f32(4), []string{"group_norm: wants 4 channels on axis 1: x f32[4]"}},
		{"group norm config", groupNorm.Build(), f32(2, 6), []string{"group_norm: 6 channels do not divide into 4 groups", "eps must not be negative, got -1"}},
		{"instance norm", NewInstanceNorm2d(4), f32(2, 3, 4, 4), []string{"instance_norm: wants 4 channels on axis 1"}},
		{"instance norm rank", NewInstanceNorm1d(4), f32(2, 4), []string{"instance_norm: wants an operand [B C T]: x f32[2 4]"}},
		{"instance norm 2d rank", NewInstanceNorm2d(4), f32(2, 4, 3), []string{"instance_norm: wants an operand [B C Y X]"}},
		{"instance norm of one element", NewInstanceNorm1d(4), f32(2, 4, 1), []string{"instance_norm: wants more than one element a channel: x f32[2 4 1]"}},
		{"instance norm config", instanceNorm.Build1d(), f32(2, 4, 3), []string{"instance_norm: channels must be at least 1, got 0", "momentum must be in 0..1, got 2"}},
		{"rms norm", NewRMSNorm(3, 4), f32(2, 4, 3), []string{"rms_norm: wants the last axes to be [3 4]: x f32[2 4 3]"}},
		{"rms norm config", rmsNorm.Build(), f32(4), []string{"rms_norm: shape must be at least 1, got 0", "eps must not be negative, got -1"}},
		{"rms norm shape", DefaultRMSNorm().Build(), f32(4), []string{"rms_norm: shape must name at least one axis"}},
		{"local response norm", NewLocalResponseNorm(0), f32(2, 4, 3), []string{"local_response_norm: size must be at least 1, got 0"}},
		{"local response norm rank", NewLocalResponseNorm(3), f32(2, 4), []string{"local_response_norm: wants an operand [B C ...] of rank 3 or more: x f32[2 4]"}},
		{"embedding", NewEmbedding(4, 2), f32(3), []string{"embedding: wants indices of an integer type: x f32[3]"}},
		{"embedding config", embedding.Build(), f32(3), []string{"embedding: padding index 4 is outside 0..3"}},
		{"dropout", NewDropout(1.5), f32(3), []string{"dropout: probability 1.5 is outside 0..1"}},
		{"flatten", &Flatten{Start: 3}, f32(3, 2), []string{"flatten: ", "x f32[3 2]"}},
		{"prelu", NewPReLU(4), f32(3, 2), []string{"prelu: ", "x f32[3 2]"}},
	} {
		m := &struct{ Block *Sequential }{NewSequential(tc.layer, NewFlatten())}
		tree, err := module.Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		g := ir.NewGraph()
		m.Block.Forward(module.NewCtx(g, tree, nil).Train(), g.Input(ir.Arg, "x", tc.in))
		err = g.Err()
		if err == nil {
			t.Errorf("%s: no error", tc.name)
			continue
		}
		for _, want := range append(tc.want, "; at block.0 (nn_test.go:") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q lacks %q", tc.name, err, want)
			}
		}
	}
}

// After a mistake every layer still gives something, whatever its shape.
func TestLayersAfterAMistake(t *testing.T) {
	m := NewSequential(NewConv2d(3, 4, 3), NewBatchNorm2d(4), &ReLU{}, NewMaxPool2d(2), NewAvgPool2d(2), NewMaxPool1d(2), NewLPPool2d(2, 2), NewAdaptiveAvgPool2d(2, 2), NewAdaptiveMaxPool1d(2), NewUpsample(2), NewPixelShuffle(2), NewDropout(0.5), NewFlatten(),
		NewLinear(4, 4), NewBatchNorm1d(4), NewLayerNorm(4), NewGroupNorm(2, 4), NewInstanceNorm2d(4), NewRMSNorm(4), NewLocalResponseNorm(3), NewConv1d(4, 4, 1), NewConv3d(4, 4, 1), NewConvTranspose2d(4, 4, 2), &Softmax{-1}, NewPReLU(4), NewEmbedding(3, 2), &GELU{})
	tree, err := module.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	g := ir.NewGraph()
	if y := m.Forward(module.NewCtx(g, tree, nil).Train(), g.Input(ir.Arg, "x", f32(7))); y == nil || g.Err() == nil {
		t.Errorf("result %v, error %v", y, g.Err())
	}
}
