package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// ConvTranspose is the transposed convolution of
// torch.nn.functional.conv_transposeNd, of 1 to 3 spatial axes: the gradient by
// its input of the convolution that op describes. Operands: x [B C spatial] and
// weight [C O/Groups kernel]; result [B O spatial], on each spatial axis of
//
//	(n-1) Stride - PadLo - PadHi + Dilation (kernel-1) + outputPadding + 1
//
// elements:
//
//	y[p*Stride - PadLo + k*Dilation] += x[c, p] * w[c, k]
//
// for all c, p and k, where the place is in y. With ChannelsLast x and the
// result are [B spatial C]. The output padding, one number for each spatial axis
// or none at all, makes the result longer at its end; each must be below the
// stride or the dilation.
func ConvTranspose(x, w *ir.Value, op ConvOp, outputPadding ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	to, zeros, err := op.transpose(x, w, outputPadding)
	if err != nil {
		return fail("conv_transpose", err, x, w)
	}
	y := ir.Apply1(to, x, w)
	for i, n := range zeros {
		if n > 0 && y.Graph().Err() == nil {
			hi := make([]int, y.Rank())
			hi[op.spatial()+i] = n
			y = Pad(y, Scalar(y, 0), make([]int, y.Rank()), hi, nil)
		}
	}
	return y
}

// transpose gives the op of a transposed convolution, and how many zeros are to
// follow on each spatial axis: output padding that no tap reaches and that is
// so long that op would have a longer result.
func (op ConvOp) transpose(x, w *ir.Value, outputPadding []int) (to ConvInputOp, zeros [3]int, err error) {
	if err := op.ranks(x.Rank(), w.Rank()); err != nil {
		return to, zeros, err
	}
	n := x.Rank() - 2
	if err := op.check(n); err != nil {
		return to, zeros, err
	}
	if c := x.Dim(op.channels(x.Rank())); w.Dim(0) != c {
		return to, zeros, fmt.Errorf("the input has %d channels, the weight wants %d", c, w.Dim(0))
	}
	if len(outputPadding) != 0 && len(outputPadding) != n {
		return to, zeros, fmt.Errorf("wants output padding for %d spatial axes or none, got %v", n, outputPadding)
	}
	to.ConvOp = op
	for i := range n {
		extra, stride, dilation := 0, op.Stride[i], op.Dilation[i]
		if len(outputPadding) > 0 {
			extra = outputPadding[i]
		}
		if extra < 0 || extra >= max(stride, dilation) {
			return to, zeros, fmt.Errorf("output padding %v must be at least 0 and below stride %v or dilation %v", outputPadding, op.Stride[:n], op.Dilation[:n])
		}
		// What the padding cuts off comes back first, then there are zeros.
		back := min(extra, op.PadHi[i])
		to.PadHi[i] -= back
		if extra-back >= stride {
			zeros[i] = extra - back
		}
		size := (x.Dim(op.spatial()+i)-1)*stride + dilation*(w.Dim(2+i)-1) + 1 + extra
		to.In[i] = size - op.PadLo[i] - op.PadHi[i] - zeros[i]
		if to.In[i] < 0 {
			return to, zeros, fmt.Errorf("spatial axis %d of the result has %d elements, fewer than its padding %d and %d", i, size, op.PadLo[i], op.PadHi[i])
		}
	}
	return to, zeros, nil
}
