package graphs

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// product adds a matrix product or convolution of shape s to the pool.
func (b *builder) product(s shape.Shape) {
	switch {
	case s.Rank() >= 3 && b.rand.IntN(3) > 0:
		b.conv(s)
	case s.Rank() >= 1:
		b.dot(s)
	}
}

// onPool adds a product or convolution of a value of the pool with a weight of
// which the result has the shape of the value, which is read again behind it.
func (b *builder) onPool() {
	x := b.pick()
	bx := b.bound[x]
	var y *ir.Value
	switch n := x.Rank(); {
	case n >= 3 && b.rand.IntN(2) == 0:
		op := ops.ConvOp{Groups: 1}
		k := 1 + 2*b.rand.IntN(2)
		dims, taps := []int{x.Dim(1), x.Dim(1)}, x.Dim(1)
		if b.rand.IntN(2) == 0 { // depthwise
			op.Groups, dims[1], taps = x.Dim(1), 1, 1
		}
		for i := range n - 2 {
			op.Stride[i], op.Dilation[i], op.PadLo[i], op.PadHi[i] = 1, 1, k/2, k/2
			dims, taps = append(dims, k), taps*k
		}
		bx *= float64(2 * taps)
		if bx > exact {
			return
		}
		w := b.input(dtype.Float32, shape.Of(dims...), 2)
		if y = ops.Conv(x, w, op); b.rand.IntN(3) == 0 {
			y = ops.ConvTranspose(x, w, op)
		}
	case n >= 1:
		k := x.Dim(-1)
		bx *= float64(2 * k)
		if bx > exact {
			return
		}
		w, place := b.stored([]int{k, k})
		y = ops.DotGeneral(x, w, ops.DotSpec{XContract: []int{n - 1}, YContract: []int{place[0]}})
	default:
		return
	}
	b.add(y, bx)
	switch b.rand.IntN(3) {
	case 0:
		b.add(ops.Add(y, x), bx+b.bound[x])
	case 1:
		b.add(ops.Maximum(x, ops.Add(y, b.input(dtype.Float32, b.part(x.Shape()), 3))), bx+3)
	}
}

// dot adds a product: rows are the first axes of s, columns the last, or the
// last and one more; now and then the first is a batch axis. Operands are
// stored in any order of axes.
func (b *builder) dot(s shape.Shape) {
	k := 1 + b.rand.IntN(9)
	dims := s.Dims()
	batch, cut := 0, len(dims)-1
	if len(dims) >= 3 && b.rand.IntN(2) == 0 {
		batch = 1
	}
	if cut-1 >= batch && b.rand.IntN(4) == 0 {
		cut--
	}
	x := append(append([]int(nil), dims[:cut]...), k)
	y := append(append(append([]int(nil), dims[:batch]...), dims[cut:]...), k)
	vx, px := b.stored(x)
	vy, py := b.stored(y)
	spec := ops.DotSpec{XContract: []int{px[len(x)-1]}, YContract: []int{py[len(y)-1]}}
	if batch == 1 {
		spec.XBatch, spec.YBatch = []int{px[0]}, []int{py[0]}
	}
	// The result has the free axes in the order in which they are stored:
	// only that of the operands in the order written here has shape s.
	v := ops.DotGeneral(vx, vy, spec)
	if v.Shape() != s {
		v = ops.DotGeneral(ops.Transpose(vx, px...), ops.Transpose(vy, py...), ops.DotSpec{
			XBatch: upTo(batch), YBatch: upTo(batch), XContract: []int{len(x) - 1}, YContract: []int{len(y) - 1}})
	}
	b.add(v, float64(4*k))
}

// stored makes an input whose axes are a permutation of dims; axis i of dims
// is at place[i].
func (b *builder) stored(dims []int) (v *ir.Value, place []int) {
	place = b.rand.Perm(len(dims))
	if b.rand.IntN(2) == 0 {
		place = upTo(len(dims))
	}
	at := make([]int, len(dims))
	for i, p := range place {
		at[p] = dims[i]
	}
	return b.input(dtype.Float32, shape.Of(at...), 2), place
}

func upTo(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// conv adds a convolution to an image of shape s, [B O spatial], or, where the
// image is that of its input, the gradient by its input.
func (b *builder) conv(s shape.Shape) {
	n := s.Rank() - 2
	channels := []int{1, 2, 3, 4, 17}[b.rand.IntN(5)]
	op := ops.ConvOp{Groups: 1}
	x, w := []int{s.Dim(0), channels}, []int{s.Dim(1), channels}
	taps := 1
	for i := range n {
		k := 1 + b.rand.IntN(3)
		op.Stride[i], op.Dilation[i] = 1+b.rand.IntN(2), 1
		op.PadLo[i], op.PadHi[i] = b.rand.IntN(2), b.rand.IntN(2)
		need := (s.Dim(2+i)-1)*op.Stride[i] + k - op.PadLo[i] - op.PadHi[i]
		for need < 1 {
			k++
			need++
		}
		x, w = append(x, need), append(w, k)
		taps *= k
	}
	if b.rand.IntN(2) == 0 {
		b.add(ops.Conv(b.input(dtype.Float32, shape.Of(x...), 2), b.input(dtype.Float32, shape.Of(w...), 2), op), float64(4*channels*taps))
		return
	}
	// The gradient by the input: s is the shape of the input, so operands
	// are dy of the size that s leads to.
	dy := []int{s.Dim(0), channels}
	wt := []int{channels, s.Dim(1)}
	for i := range n {
		k := min(w[2+i], s.Dim(2+i)+op.PadLo[i]+op.PadHi[i])
		dy = append(dy, (s.Dim(2+i)+op.PadLo[i]+op.PadHi[i]-k)/op.Stride[i]+1)
		wt = append(wt, k)
	}
	v := ops.ConvInput(b.input(dtype.Float32, shape.Of(dy...), 2), b.input(dtype.Float32, shape.Of(wt...), 2), op, s.Dims()[2:]...)
	b.add(v, float64(4*channels*taps))
}
