package graphs

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// whole is the magnitude up to which both floats of 16 bits hold all whole
// numbers, so that it does not matter where a value is rounded.
const whole = 1 << 8

// halves casts x to a float of 16 bits, computes on it with more such values,
// among them rows, columns and numbers, and casts back. The cast rounds.
func (b *builder) halves(x *ir.Value) {
	if x.Rank() == 0 {
		return
	}
	dt := []dtype.DType{dtype.BFloat16, dtype.Float16}[b.rand.IntN(2)]
	y, bound := ops.Cast(x, dt), b.bound[x]
	for range b.rand.IntN(6) {
		if bound > whole/4 {
			break
		}
		z, limit := b.input(dt, b.part(x.Shape()), 3), 3.0
		switch b.rand.IntN(7) {
		case 0: // a value that may be in the same group
			if p := b.pick(); b.bound[p] <= 8 && p.Shape() == x.Shape() {
				z, limit = ops.Cast(p, dt), b.bound[p]
				y, bound = ops.Sub(y, z), bound+limit
			}
		case 1:
			y, bound = ops.Add(z, y), bound+limit
		case 2:
			y, bound = ops.Mul(y, z), max(bound, 1)*limit
		case 3:
			y, bound = ops.Select(ops.Gt(y, z), y, ops.Maximum(z, y)), max(bound, limit)
		case 4:
			y = ops.ReLU(ops.Neg(y))
		case 5:
			perm := b.rand.Perm(y.Rank())
			y = ops.Transpose(ops.Neg(ops.Transpose(y, perm...)), ops.Inverse(perm)...)
		case 6:
			y, bound = ops.Add(y, ops.KeepDims(ops.Amax(y, 0), y, 0)), 2*bound
		}
	}
	if b.rand.IntN(3) == 0 && b.depth == 0 {
		b.Graph.SetOutputs(append(b.Graph.Outputs(), y)...)
	}
	b.add(ops.Cast(y, dtype.Float32), bound)
}
