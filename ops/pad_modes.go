package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// PadConstant widens x with a value: lo[i] elements before and hi[i] behind
// axis i. Negative widths cut off.
//
// Source: torch.nn.functional.pad, mode "constant".
func PadConstant(x *ir.Value, value float64, lo, hi []int) *ir.Value {
	return Pad(x, Scalar(x, value), lo, hi, nil)
}

// PadReflect widens x with its elements mirrored at the first and the last of
// each axis, which are not repeated: b a becomes c b a b c. lo[i] elements go
// before and hi[i] behind axis i; both must be smaller than its extent.
//
// Source: torch.nn.functional.pad, mode "reflect".
func PadReflect(x *ir.Value, lo, hi []int) *ir.Value {
	return padAround("pad_reflect", x, lo, hi, -1, func(x *ir.Value, a, lo, hi int) (before, behind *ir.Value) {
		return Flip(Narrow(x, a, 1, lo), a), Flip(Narrow(x, a, x.Dim(a)-1-hi, hi), a)
	})
}

// PadReplicate widens x with the first and the last element of each axis:
// lo[i] of them before and hi[i] behind axis i, which must not be empty.
//
// Source: torch.nn.functional.pad, mode "replicate".
func PadReplicate(x *ir.Value, lo, hi []int) *ir.Value {
	return padAround("pad_replicate", x, lo, hi, noLimit, func(x *ir.Value, a, lo, hi int) (before, behind *ir.Value) {
		edge := func(at, n int) *ir.Value { return RepeatInterleave(Narrow(x, a, at, 1), n, a) }
		return edge(0, lo), edge(x.Dim(a)-1, hi)
	})
}

// PadCircular widens x with the elements from its other end: lo[i] of them
// before and hi[i] behind axis i; both must be at most its extent.
//
// Source: torch.nn.functional.pad, mode "circular".
func PadCircular(x *ir.Value, lo, hi []int) *ir.Value {
	return padAround("pad_circular", x, lo, hi, 0, func(x *ir.Value, a, lo, hi int) (before, behind *ir.Value) {
		return Narrow(x, a, x.Dim(a)-lo, lo), Narrow(x, a, 0, hi)
	})
}

const noLimit = 1 << 40

// padAround pads one axis after the other by what around makes. A width must
// not be larger than the extent plus slack.
func padAround(name string, x *ir.Value, lo, hi []int, slack int, around func(x *ir.Value, axis, lo, hi int) (before, behind *ir.Value)) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if len(lo) != x.Rank() || len(hi) != x.Rank() {
		return fail(name, fmt.Errorf("wants lo and hi for %d axes, got %v and %v", x.Rank(), lo, hi), x)
	}
	for a := range lo {
		l, h, n := lo[a], hi[a], x.Dim(a)
		if l == 0 && h == 0 {
			continue
		}
		if l < 0 || h < 0 || n == 0 || max(l, h) > n+slack {
			return fail(name, fmt.Errorf("axis %d of %d elements can't be widened by %d and %d", a, n, l, h), x)
		}
		before, behind := around(x, a, l, h)
		x = Concat(a, before, x, behind)
	}
	return x
}
