package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ConvOp is the convolution of torch.nn.functional.convNd, of 1 to 3 spatial
// axes. Operands: x [B C spatial], weight [O C/Groups kernel]; result [B O
// spatial]; with ChannelsLast x and the result are [B spatial C]. On each
// spatial axis
//
//	y[p] = sum over c, k of x[c, p*Stride - PadLo + k*Dilation] * w[c, k]
//
// where x is 0 outside, and the result has
// (n + PadLo + PadHi - Dilation*(kernel-1) - 1)/Stride + 1 elements, rounded
// down. Entries beyond the spatial rank are 0. Channels are in Groups groups;
// those of the result see the channels of their own group of x alone.
//
// [ConvInputOp] and [ConvWeightOp] are its gradients; each of the three is
// linear in both operands and differentiates into the other two.
type ConvOp struct {
	Stride, PadLo, PadHi, Dilation [3]int
	Groups                         int
	ChannelsLast                   bool
}

// Conv convolves x with weight w.
func Conv(x, w *ir.Value, op ConvOp) *ir.Value { return ir.Apply1(op, x, w) }

// Name is "conv".
func (ConvOp) Name() string { return "conv" }

// spatial returns the axis of x at which spatial axes begin.
func (op ConvOp) spatial() int {
	if op.ChannelsLast {
		return 1
	}
	return 2
}

// channels returns the axis of channels.
func (op ConvOp) channels(rank int) int {
	if op.ChannelsLast {
		return rank - 1
	}
	return 1
}

// image builds the shape of images.
func (op ConvOp) image(batch, channels int, spatial []int) (shape.Shape, error) {
	if op.ChannelsLast {
		return shape.Make(append(append([]int{batch}, spatial...), channels)...)
	}
	return shape.Make(append([]int{batch, channels}, spatial...)...)
}

// check validates attributes against a spatial rank.
func (op ConvOp) check(n int) error {
	if n < 1 || n > 3 {
		return fmt.Errorf("wants 1 to 3 spatial axes, got %d", n)
	}
	if op.Groups < 1 {
		return fmt.Errorf("groups %d is below 1", op.Groups)
	}
	for i := range 3 {
		if i >= n {
			if op.Stride[i]|op.Dilation[i]|op.PadLo[i]|op.PadHi[i] != 0 {
				return fmt.Errorf("there are %d spatial axes, but attributes for axis %d", n, i)
			}
			continue
		}
		if op.Stride[i] < 1 || op.Dilation[i] < 1 {
			return fmt.Errorf("stride %v and dilation %v must be at least 1", op.Stride[:n], op.Dilation[:n])
		}
		if op.PadLo[i] < 0 || op.PadHi[i] < 0 {
			return fmt.Errorf("padding %v, %v is negative", op.PadLo[:n], op.PadHi[:n])
		}
	}
	return nil
}

// ranks wants operand and weight of one rank.
func (op ConvOp) ranks(x, w int) error {
	if x == w {
		return nil
	}
	if w < 3 || w > 5 {
		return fmt.Errorf("wants a weight of rank 3 to 5, for 1 to 3 spatial axes, got rank %d", w)
	}
	axes := [...]string{3: "T", 4: "Y X", 5: "Z Y X"}[w]
	image := "[B C " + axes + "]"
	if op.ChannelsLast {
		image = "[B " + axes + " C]"
	}
	return fmt.Errorf("a weight of rank %d wants an operand %s, got one of rank %d", w, image, x)
}

// out is the extent of the result on spatial axis i.
func (op ConvOp) out(i, in, kernel int) int {
	return (in+op.PadLo[i]+op.PadHi[i]-op.Dilation[i]*(kernel-1)-1)/op.Stride[i] + 1
}

// Infer gives the images of the result.
func (op ConvOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	x, w := in[0].Shape, in[1].Shape
	if in[0].DType != in[1].DType {
		return nil, errors.New("element types differ")
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	if err := op.ranks(x.Rank(), w.Rank()); err != nil {
		return nil, err
	}
	n := x.Rank() - 2
	if err := op.check(n); err != nil {
		return nil, err
	}
	c := x.Dim(op.channels(x.Rank()))
	if c%op.Groups != 0 || w.Dim(0)%op.Groups != 0 {
		return nil, fmt.Errorf("%d channels in and %d out do not divide in %d groups", c, w.Dim(0), op.Groups)
	}
	if w.Dim(1) != c/op.Groups {
		return nil, fmt.Errorf("the input has %d channels, the weight wants %d", c, w.Dim(1)*op.Groups)
	}
	dims := make([]int, n)
	for i := range dims {
		kernel, padded := w.Dim(2+i), x.Dim(op.spatial()+i)+op.PadLo[i]+op.PadHi[i]
		if kernel < 1 || padded < op.Dilation[i]*(kernel-1)+1 {
			return nil, fmt.Errorf("a kernel of %d elements does not fit: spatial axis %d has %d with its padding", kernel, i, padded)
		}
		dims[i] = op.out(i, x.Dim(op.spatial()+i), kernel)
	}
	y, err := op.image(x.Dim(0), w.Dim(0), dims)
	if err != nil {
		return nil, err
	}
	return one(in[0].DType, y)
}

// Flops is two operations for each product, padding included.
func (op ConvOp) Flops(in, out []ir.Type) int64 {
	w := in[1].Shape
	return 2 * int64(out[0].Shape.Size()) * int64(w.Size()/max(1, w.Dim(0)))
}

// products calls f for every product that the convolution of x and w to y
// adds: positions in x, w and y. All three convolution ops are sums over it.
func (op ConvOp) products(x, w, y shape.Shape, f func(x, w, y int)) {
	rank := x.Rank()
	xs, ws := x.Strides(), w.Strides()
	ch, sp := op.channels(rank), op.spatial()
	perGroup := w.Dim(0) / op.Groups
	walk(y, func(i int, at []int) {
		o := at[ch]
		walk(shape.Of(w.Dims()[1:]...), func(_ int, k []int) {
			c := o/perGroup*w.Dim(1) + k[0]
			px, pw := at[0]*xs[0]+c*xs[ch], o*ws[0]+k[0]*ws[1]
			for d := range rank - 2 {
				p := at[sp+d]*op.Stride[d] - op.PadLo[d] + k[1+d]*op.Dilation[d]
				if p < 0 || p >= x.Dim(sp+d) {
					return
				}
				px += p * xs[sp+d]
				pw += k[1+d] * ws[2+d]
			}
			f(px, pw, i)
		})
	})
}

// Eval adds products.
func (op ConvOp) Eval(in, out []*tensor.Tensor) {
	x, w, y := in[0], in[1], out[0]
	acc := make([]float64, y.Size())
	op.products(x.Shape(), w.Shape(), y.Shape(), func(px, pw, py int) { acc[py] += x.Float(px) * w.Float(pw) })
	store(y, acc)
}

func store(t *tensor.Tensor, acc []float64) {
	for i, v := range acc {
		t.SetFloat(i, v)
	}
}

// Grad is a ConvInput and a ConvWeight.
func (op ConvOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	x, w, dy := in[0], in[1], gout[0]
	return []*ir.Value{op.inputGrad(dy, w, x.Shape()), op.weightGrad(x, dy, w.Shape())}
}

func (op ConvOp) inputGrad(dy, w *ir.Value, x shape.Shape) *ir.Value {
	g := ConvInputOp{ConvOp: op}
	for i := range x.Rank() - 2 {
		g.In[i] = x.Dim(op.spatial() + i)
	}
	return ir.Apply1(g, dy, w)
}

func (op ConvOp) weightGrad(x, dy *ir.Value, w shape.Shape) *ir.Value {
	g := ConvWeightOp{ConvOp: op}
	for i := range w.Rank() - 2 {
		g.Kernel[i] = w.Dim(2 + i)
	}
	return ir.Apply1(g, x, dy)
}
