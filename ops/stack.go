package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// Stack puts tensors of one type side by side along a new axis, which a
// negative number counts from the end of the result.
//
// Source: torch.stack.
func Stack(axis int, xs ...*ir.Value) *ir.Value {
	x := xs[0]
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	parts := make([]*ir.Value, len(xs))
	for i, v := range xs {
		if v.Type() != x.Type() {
			return fail("stack", errors.New("wants operands of one type"), xs...)
		}
		parts[i] = Unsqueeze(v, axis)
	}
	if axis < 0 {
		axis += x.Rank() + 1
	}
	return Concat(axis, parts...)
}

// Split cuts an axis into parts of the given lengths, which must add up to its
// extent; a negative axis counts from the end.
//
// Source: torch.split with a list.
func Split(x *ir.Value, axis int, lengths ...int) []*ir.Value {
	parts := make([]*ir.Value, len(lengths))
	total := 0
	for _, n := range lengths {
		total += n
	}
	if x.Graph().Err() == nil {
		if a, err := x.Shape().Axis(axis); err != nil {
			fail("split", err, x)
		} else if total != x.Dim(a) {
			fail("split", fmt.Errorf("lengths %v add up to %d, axis %d has %d elements", lengths, total, axis, x.Dim(a)), x)
		}
	}
	at := 0
	for i, n := range lengths {
		parts[i] = Narrow(x, axis, at, n)
		at += n
	}
	return parts
}

// Chunk cuts an axis into n parts, all but the last of one length and the last
// not longer. There are fewer parts where the axis is too short, and one empty
// part of an empty axis.
//
// Source: torch.chunk, which makes n empty parts of an empty axis.
func Chunk(x *ir.Value, n, axis int) []*ir.Value {
	if x.Graph().Err() != nil {
		parts := make([]*ir.Value, max(n, 1))
		for i := range parts {
			parts[i] = standIn(x)
		}
		return parts
	}
	if n < 1 {
		return []*ir.Value{fail("chunk", fmt.Errorf("can't make %d parts", n), x)}
	}
	size := x.Dim(axis) // a wrong axis is kept as a mistake
	each := max(1, (size+n-1)/n)
	var lengths []int
	for at := 0; at < max(size, 1); at += each {
		lengths = append(lengths, min(each, size-at))
	}
	return Split(x, axis, lengths...)
}

// Unbind gives the slices of x along an axis, without that axis.
//
// Source: torch.unbind.
func Unbind(x *ir.Value, axis int) []*ir.Value {
	parts := make([]*ir.Value, x.Dim(axis))
	for i := range parts {
		parts[i] = Squeeze(Narrow(x, axis, i, 1), axis)
	}
	return parts
}
