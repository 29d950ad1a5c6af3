package cpu_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A net builds a training step out of ops: variables, a loss, gradients, and
// updates by a small step of descent.
type net struct {
	g    *ir.Graph
	in   []*tensor.Tensor
	vars []*ir.Value
	rand *rand.Rand
}

func newNet(seed uint64) *net {
	return &net{g: ir.NewGraph(), rand: rand.New(rand.NewPCG(seed, 7))}
}

func (n *net) input(kind ir.Kind, scale float64, dims ...int) *ir.Value {
	t := tensor.New(dtype.Float32, shape.Of(dims...))
	for i := range t.F32() {
		t.F32()[i] = float32(n.rand.NormFloat64() * scale)
	}
	n.in = append(n.in, t)
	return n.g.Input(kind, fmt.Sprintf("x%d", len(n.in)), ir.Type{DType: dtype.Float32, Shape: t.Shape()})
}

// param is a variable that is trained.
func (n *net) param(dims ...int) *ir.Value {
	fan := 1
	for _, d := range dims[1:] {
		fan *= d
	}
	v := n.input(ir.Variable, 1/float64(fan), dims...)
	n.vars = append(n.vars, v)
	return v
}

func (n *net) labels(count, classes int) *ir.Value {
	t := tensor.New(dtype.Int64, shape.Of(count))
	for i := range count {
		t.SetInt(i, int64(n.rand.IntN(classes)))
	}
	n.in = append(n.in, t)
	return n.g.Input(ir.Arg, "labels", ir.Type{DType: dtype.Int64, Shape: t.Shape()})
}

// train makes the graph a step that lowers the cross-entropy of logits, with
// momentum.
func (n *net) train(logits *ir.Value) {
	l := ops.Mean(ops.CrossEntropyRows(logits, n.labels(logits.Dim(0), logits.Dim(1)), -100, 0))
	for i, d := range grad.Of(l, n.vars...) {
		m := n.input(ir.Variable, 0.01, n.vars[i].Shape().Dims()...)
		next := ops.Add(ops.Mul(m, ops.Scalar(m, 0.9)), d)
		n.g.Update(m, next)
		n.g.Update(n.vars[i], ops.Sub(n.vars[i], ops.Mul(next, ops.Scalar(m, 0.1))))
	}
	n.g.SetOutputs(append([]*ir.Value{l}, n.g.Outputs()...)...)
}

// conv is a convolution with kernel k along each spatial axis and zeros around.
func (n *net) conv(x *ir.Value, out, k, stride int) *ir.Value {
	op := ops.ConvOp{Groups: 1}
	dims := []int{out, x.Dim(1)}
	for i := range x.Rank() - 2 {
		op.Stride[i], op.Dilation[i], op.PadLo[i], op.PadHi[i] = stride, 1, k/2, k/2
		dims = append(dims, k)
	}
	return ops.Conv(x, n.param(dims...), op)
}

// bias adds a value for each channel.
func (n *net) bias(x *ir.Value) *ir.Value {
	b := n.param(x.Dim(1))
	return ops.Add(x, ops.BroadcastInDim(b, x.Shape(), 1))
}

// norm is batch norm over channels; its statistics go out.
func (n *net) norm(x *ir.Value) *ir.Value {
	y, mean, variance := ops.BatchNorm(x, n.param(x.Dim(1)), n.param(x.Dim(1)), 1, 1e-5)
	n.g.SetOutputs(append(n.g.Outputs(), mean, variance)...)
	return y
}

// window pools k by k.
func window(x *ir.Value, k, stride int) (w ops.Window) {
	for a := range x.Rank() {
		w.Size[a], w.Stride[a], w.Dilation[a] = 1, 1, 1
		if a >= 2 {
			w.Size[a], w.Stride[a] = k, stride
		}
	}
	return w
}

func (n *net) linear(x *ir.Value, out int) *ir.Value {
	return ops.Linear(x, n.param(out, x.Dim(-1)), n.param(out))
}

func maxPool(x *ir.Value, k, stride int) *ir.Value {
	y, _ := ops.MaxPool(x, window(x, k, stride))
	return y
}

// nets are training steps of every kind of network that layouts, fusion and
// the memory plan have to do with, at a size of their own.
var nets = map[string]func(n *net, batch int){
	"mlp": func(n *net, batch int) {
		x := n.input(ir.Arg, 1, batch, 37)
		x = ops.ReLU(n.linear(x, 50))
		x = ops.GELU(n.linear(x, 33))
		n.train(n.linear(x, 10))
	},
	"two classes": func(n *net, batch int) { // few columns of long sums
		n.train(n.linear(n.input(ir.Arg, 1, batch, 5001), 2))
	},
	"recurrent":          recurrentNet,
	"shared convolution": sharedConvNet,
	"scan in scan":       nestedNet,
	"descent":            descentNet,
	"wide": func(n *net, batch int) { // rows longer than a block
		x := n.linear(n.input(ir.Arg, 1, batch, 10), 1100)
		x = ops.GELU(ops.LayerNorm(x, n.param(1100), n.param(1100), 1, 1e-5))
		n.train(n.linear(ops.Softmax(x, -1), 10))
	},
	"layer norm, softmax": func(n *net, batch int) {
		x := n.input(ir.Arg, 1, batch, 6, 20)
		x = ops.LayerNorm(x, n.param(20), n.param(20), 1, 1e-5)
		a := ops.Softmax(ops.MatMul(x, ops.SwapAxes(x, 1, 2)), -1)
		x = ops.Add(x, ops.MatMul(a, n.linear(x, 20)))
		n.train(n.linear(ops.Flatten(ops.SiLU(x), 1), 5))
	},
	"transformer": func(n *net, batch int) {
		const t, width = 6, 16
		x := n.input(ir.Arg, 1, batch, t, width)
		h := ops.LayerNorm(x, n.param(width), n.param(width), 1, 1e-5)
		qkv := ops.Reshape(n.linear(h, 3*width), batch, t, 12, 4)
		y := ops.AttentionPacked(qkv, 4, ops.AttentionOptions{Causal: true})
		x = ops.Add(x, n.linear(ops.Reshape(y, batch, t, width), width))
		q := ops.RoPE(ops.Reshape(n.linear(x, 16), batch, t, 4, 4), ops.RoPEOptions{Base: 100})
		k := ops.RoPE(ops.Reshape(n.linear(x, 8), batch, t, 2, 4), ops.RoPEOptions{Base: 100, Interleaved: true})
		v := ops.Reshape(n.linear(x, 8), batch, t, 2, 4)
		y = ops.Attention(q, k, v, ops.AttentionOptions{Bias: n.param(4, t, t), Sinks: n.param(4), SoftCap: new(3.0)})
		x = ops.Add(x, n.linear(ops.Reshape(y, batch, t, width), width))
		x = ops.Add(x, n.linear(ops.SwiGLU(n.linear(x, 20), n.linear(x, 20)), width))
		n.train(n.linear(ops.Flatten(x, 1), 5))
	},
	"lenet": func(n *net, batch int) {
		x := n.input(ir.Arg, 1, batch, 1, 14, 14)
		x = maxPool(ops.ReLU(n.bias(n.conv(x, 6, 5, 1))), 2, 2)
		x = ops.AvgPool(ops.Tanh(n.bias(n.conv(x, 9, 3, 1))), window(x, 2, 2), true)
		n.train(n.linear(ops.ReLU(n.linear(ops.Flatten(x, 1), 20)), 10))
	},
	"residual": func(n *net, batch int) {
		x := n.input(ir.Arg, 1, batch, 3, 9, 9)
		x = ops.ReLU(n.norm(n.conv(x, 8, 3, 1)))
		y := ops.ReLU(n.norm(n.conv(x, 8, 3, 1)))
		x = ops.ReLU(ops.Add(x, n.norm(n.conv(y, 8, 3, 1))))
		y = ops.ReLU(n.norm(n.conv(x, 12, 3, 2)))
		x = ops.ReLU(ops.Add(n.norm(n.conv(x, 12, 1, 2)), n.norm(n.conv(y, 12, 3, 1))))
		n.train(n.linear(ops.Mean(x, 2, 3), 10))
	},
	"1d": func(n *net, batch int) {
		x := n.input(ir.Arg, 1, batch, 4, 31)
		x = ops.ReLU(n.norm(n.conv(x, 7, 5, 2)))
		x = maxPool(n.conv(x, 6, 3, 1), 3, 2)
		n.train(n.linear(ops.Flatten(x, 1), 4))
	},
	"3d": func(n *net, batch int) {
		x := n.input(ir.Arg, 1, batch, 2, 5, 6, 7)
		x = ops.ReLU(n.norm(n.conv(x, 5, 3, 1)))
		x = ops.AvgPool(n.bias(n.conv(x, 4, 3, 2)), window(x, 2, 1), false)
		n.train(n.linear(ops.Flatten(x, 1), 4))
	},
	// Channels, rows and columns of one extent, so that a wrong order of axes
	// shows in values alone.
	"cube": func(n *net, batch int) {
		x := n.input(ir.Arg, 1, batch, 5, 5, 5)
		x = n.conv(x, 5, 3, 1)
		y := ops.Transpose(ops.Add(x, n.param(5, 5)), 0, 3, 2, 1)
		y = ops.Add(y, ops.Concat(2, ops.Narrow(x, 2, 1, 4), ops.Narrow(x, 2, 0, 1)))
		y = n.conv(ops.Mul(y, ops.KeepDims(ops.Amax(x, 1), x, 1)), 5, 1, 1)
		y = ops.Add(ops.Sum(y, 1), ops.Add(ops.Sum(x, 2), ops.Sum(y, 3)))
		n.train(n.linear(ops.Flatten(y, 1), 3))
	},
}

// Whole training steps agree with the interpreter: losses, statistics, and
// every parameter after the step.
func TestNets(t *testing.T) {
	for _, set := range sets() {
		b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(2))
		for name, build := range nets {
			t.Run(set.Name+"/"+name, func(t *testing.T) {
				for batch := 1; batch <= 5; batch += 2 {
					n := newNet(uint64(batch))
					build(n, batch)
					r, err := check(b, n.g, n.in...)
					if err != nil {
						t.Fatalf("batch of %d: %v", batch, err)
					}
					if len(r.stats.Interpreted) > 0 {
						t.Errorf("interpreted: %v", r.stats.Interpreted)
					}
				}
			})
		}
	}
}

// The number of threads changes no bit.
func TestThreadsGiveEqualBits(t *testing.T) {
	for _, set := range sets() {
		for name, build := range nets {
			t.Run(set.Name+"/"+name, func(t *testing.T) {
				var first *result
				for _, threads := range []int{1, 2, 3, 5, 8} {
					b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(threads))
					n := newNet(1)
					build(n, 64) // enough for several pieces of work a step
					r, err := run(b, n.g, n.in...)
					if err != nil {
						t.Fatal(err)
					}
					if first == nil {
						first = r
					} else if err := sameBits(first, r); err != nil {
						t.Errorf("%d threads: %v", threads, err)
					}
				}
			})
		}
	}
}

// A row of a batch gives the bits that it gives alone.
func TestRowOfBatchGivesEqualBits(t *testing.T) {
	forward := map[string]func(n *net, x *ir.Value) *ir.Value{
		"mlp": func(n *net, x *ir.Value) *ir.Value {
			return ops.Softmax(n.linear(ops.ReLU(n.linear(ops.Flatten(x, 1), 100)), 10), -1)
		},
		"two classes": func(n *net, x *ir.Value) *ir.Value {
			return n.linear(n.linear(ops.Flatten(x, 1), 5001), 2)
		},
		"cnn": func(n *net, x *ir.Value) *ir.Value {
			x = maxPool(ops.ReLU(n.bias(n.conv(x, 8, 3, 1))), 2, 2)
			x = ops.ReLU(n.bias(n.conv(x, 16, 3, 1)))
			return n.linear(ops.Flatten(x, 1), 10)
		},
	}
	for _, set := range sets() {
		b := newBackend(t, cpu.WithSet(set), cpu.WithThreads(2))
		for name, f := range forward {
			t.Run(set.Name+"/"+name, func(t *testing.T) {
				infer := func(lo, hi int) *tensor.Tensor {
					n := newNet(3)
					n.input(ir.Arg, 1, 40, 1, 12, 12)
					x := n.in[0].Rows(lo, hi)
					n.g, n.in = ir.NewGraph(), []*tensor.Tensor{x}
					n.g.SetOutputs(f(n, n.g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: x.Shape()})))
					r, err := run(b, n.g, n.in...)
					if err != nil {
						t.Fatal(err)
					}
					return r.outputs[0]
				}
				all := infer(0, 40)
				for _, rows := range [][2]int{{0, 1}, {17, 18}, {39, 40}, {3, 10}, {0, 33}} {
					if got, want := infer(rows[0], rows[1]), all.Rows(rows[0], rows[1]); string(got.Bytes()) != string(want.Bytes()) {
						t.Errorf("rows %d to %d alone have other bits than in a batch of 40", rows[0], rows[1])
					}
				}
			})
		}
	}
}

// Products take operands whose axes are stored in any order.
func TestDotAxisOrders(t *testing.T) {
	b := newBackend(t, cpu.WithThreads(2))
	perms := permutations(4)
	if testing.Short() {
		perms = perms[:7]
	}
	// Axes 0 and 1: batch or free; 2: contracted; 3: free or contracted.
	for _, spec := range []struct{ batch, contract int }{{0, 1}, {0, 2}, {1, 1}, {1, 2}, {2, 1}, {2, 2}, {1, 0}} {
		for _, px := range perms {
			for _, py := range perms {
				n := newNet(1)
				x, dx := n.stored(px, 2, 3, 4, 5)
				y, dy := n.stored(py, 2, 3, 4, 5)
				s := ops.DotSpec{XBatch: dx[:spec.batch], YBatch: dy[:spec.batch],
					XContract: dx[4-spec.contract:], YContract: dy[4-spec.contract:]}
				n.g.SetOutputs(ops.DotGeneral(x, y, s))
				if _, err := check(b, n.g, n.in...); err != nil {
					t.Fatalf("%+v: %v", s, err)
				}
			}
		}
	}
}

// stored makes an input whose axis i is at place[i].
func (n *net) stored(place []int, dims ...int) (*ir.Value, []int) {
	at := make([]int, len(dims))
	for i, p := range place {
		at[p] = dims[i]
	}
	return n.input(ir.Arg, 1, at...), place
}

func permutations(n int) (list [][]int) {
	if n == 0 {
		return [][]int{{}}
	}
	for _, p := range permutations(n - 1) {
		for i := range n {
			q := append(append(append([]int(nil), p[:i]...), n-1), p[i:]...)
			list = append(list, q)
		}
	}
	return list
}
