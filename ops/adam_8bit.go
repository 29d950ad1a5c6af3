package ops

import (
	"fmt"
	"math"
	"sort"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Adam8BitBlock is the number of elements that share a scale.
const Adam8BitBlock = 256

// Adam8BitOp is [AdamUpdate] with its two means in 8 bits an element. Operands: p
// and g of one floating-point type and shape, the codes of m and of v, uint8 of
// that shape, their scales, one for each block of 256 elements in order of memory,
// of the type of p; then the scalars of AdamUpdate. Results: the new p, codes and
// scales. A mean is
//
//	m = Dynamic8Bit(true)[code] * scale
//
// and v likewise by Dynamic8Bit(false). The new p is made of means that are not
// rounded yet. The new scale is the largest |m| of the block, the code that of
// the number nearest to m/scale, or of the smallest below 0 for an m below 0 that
// is nearer to 0. A block of zeros has scale 0. A NaN makes its block NaN.
//
// Source: Dettmers and others, "8-bit optimizers via block-wise quantization"
// (2021); bitsandbytes 0.50.2, kOptimizerStatic8bit2StateBlockwise.
type Adam8BitOp struct{}

// Adam8Bit makes one step. See [Adam8BitOp] for the operands.
func Adam8Bit(p, g *ir.Value, codes, scales [2]*ir.Value, scalars []*ir.Value) (newP *ir.Value, newCodes, newScales [2]*ir.Value) {
	in := []*ir.Value{p, g, codes[0], codes[1], scales[0], scales[1]}
	out := ir.Apply(Adam8BitOp{}, append(in, scalars...)...)
	return out[0], [2]*ir.Value{out[1], out[2]}, [2]*ir.Value{out[3], out[4]}
}

// Dynamic8Bit lists the 256 numbers that codes stand for, in order, from -1 or 0
// to 1: seven decades, each with twice the numbers of the one below it.
//
// Source: bitsandbytes 0.50.2, functional.create_dynamic_map.
func Dynamic8Bit(signed bool) (numbers [256]float64) {
	list := []float64{0, 1}
	for i := range 7 {
		n := 1 << i
		if !signed {
			n *= 2
		}
		for k := range n {
			v := math.Pow10(i-6) * (0.1 + 0.9*(float64(k)+0.5)/float64(n))
			list = append(list, v)
			if signed {
				list = append(list, -v)
			}
		}
	}
	sort.Float64s(list)
	copy(numbers[:], list)
	return numbers
}

// Adam8BitScales is the type of the scales of a parameter.
func Adam8BitScales(p ir.Type) ir.Type {
	return ir.Type{DType: p.DType, Shape: shape.Of((p.Shape.Size() + Adam8BitBlock - 1) / Adam8BitBlock)}
}

// Name is "adam_8bit".
func (Adam8BitOp) Name() string { return "adam_8bit" }

func (Adam8BitOp) String() string { return "" }

// NumResults is 5.
func (Adam8BitOp) NumResults() int { return 5 }

// Infer wants codes and scales that belong to p.
func (Adam8BitOp) Infer(in []ir.Type) ([]ir.Type, error) {
	scalars := updates[AdamUpdate].scalars
	if err := operands(in, 6+scalars); err != nil {
		return nil, err
	}
	p := in[0]
	if err := floating(p); err != nil {
		return nil, err
	}
	codes, scales := ir.Type{DType: dtype.Uint8, Shape: p.Shape}, Adam8BitScales(p)
	want := []ir.Type{p, p, codes, codes, scales, scales}
	for range scalars {
		want = append(want, ir.Type{DType: p.DType})
	}
	for i, t := range in {
		if t != want[i] {
			return nil, fmt.Errorf("operand %d must be %v, got %v", i, want[i], t)
		}
	}
	return []ir.Type{p, codes, codes, scales, scales}, nil
}

// Flops counts four operations an element and tensor, and four for the codes.
func (Adam8BitOp) Flops(in, _ []ir.Type) int64 { return 16 * int64(in[0].Shape.Size()) }

// Eval goes from block to block.
func (Adam8BitOp) Eval(in, out []*tensor.Tensor) {
	var k []float64 // step, decay, rest1, beta2, rest2, root, eps, keep
	for _, x := range in[6:] {
		k = append(k, x.Float(0))
	}
	numbers := [2][256]float64{Dynamic8Bit(true), Dynamic8Bit(false)}
	n := in[0].Size()
	for at := 0; at < n; at += Adam8BitBlock {
		end, block := min(at+Adam8BitBlock, n), at/Adam8BitBlock
		var mean [2][Adam8BitBlock]float64
		var scale [2]float64
		for i := at; i < end; i++ {
			p := in[0].Float(i)
			d := in[1].Float(i) + k[1]*p
			m := numbers[0][in[2].Int(i)] * in[4].Float(block)
			v := numbers[1][in[3].Int(i)] * in[5].Float(block)
			m += k[2] * (d - m)
			v = k[3]*v + k[4]*d*d
			out[0].SetFloat(i, k[7]*p-k[0]*m/(math.Sqrt(v)*k[5]+k[6]))
			mean[0][i-at], mean[1][i-at] = m, v
			scale[0], scale[1] = max(scale[0], math.Abs(m)), max(scale[1], v)
		}
		for j := range 2 {
			out[3+j].SetFloat(block, scale[j])
			for i := at; i < end; i++ {
				out[1+j].SetInt(i, nearest8Bit(&numbers[j], mean[j][i-at], scale[j]))
			}
		}
	}
}

// nearest8Bit is the code of v in a block of a scale.
func nearest8Bit(numbers *[256]float64, v, scale float64) int64 {
	x := v / scale
	if scale == 0 {
		x = 0
	}
	code := sort.Search(255, func(i int) bool { return !(x > (numbers[i]+numbers[i+1])/2) })
	if v < 0 && numbers[code] == 0 {
		code--
	}
	return int64(code)
}
