package cpu_test

import (
	"slices"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A cache is a variable of fixed capacity that a step writes rows into. No
// step may need the memory of a second one.
func TestCacheIsUpdatedInPlace(t *testing.T) {
	const capacity, width = 1000, 64
	cacheBytes := int64(4 * capacity * width)
	for name, c := range map[string]struct {
		build func(cache, row, at *ir.Value) (next *ir.Value, out []*ir.Value)
		room  int64 // bytes of the arena
	}{
		"written": {func(cache, row, at *ir.Value) (*ir.Value, []*ir.Value) {
			return ops.DynamicUpdateAxis(cache, row, 0, at), nil
		}, 1 << 10},
		"written and read": {func(cache, row, at *ir.Value) (*ir.Value, []*ir.Value) {
			next := ops.DynamicUpdateAxis(cache, row, 0, at)
			return next, []*ir.Value{ops.Sum(next, 1), ops.Amax(next, 0)}
		}, 1 << 16},
		"read before": {func(cache, row, at *ir.Value) (*ir.Value, []*ir.Value) {
			old := ops.Sum(ops.DynamicNarrow(cache, 0, at, 2), 0)
			return ops.DynamicUpdateAxis(cache, ops.Add(row, old), 0, at), nil
		}, 1 << 12},
		"two rows": {func(cache, row, at *ir.Value) (*ir.Value, []*ir.Value) {
			next := ops.DynamicUpdateAxis(cache, row, 0, at)
			return ops.DynamicUpdateAxis(next, ops.Neg(row), 0, ops.Add(at, ops.Scalar(at, 1))), nil
		}, 1 << 12},
		"another shape": {func(cache, row, at *ir.Value) (*ir.Value, []*ir.Value) {
			heads := ops.Reshape(cache, capacity, 4, width/4)
			return ops.Reshape(ops.DynamicUpdateAxis(heads, ops.Reshape(row, 1, 4, width/4), 0, at), capacity, width), nil
		}, 1 << 12},
		// The result before the last is wanted: there the copy is due.
		"both wanted": {func(cache, row, at *ir.Value) (*ir.Value, []*ir.Value) {
			next := ops.DynamicUpdateAxis(cache, row, 0, at)
			return ops.DynamicUpdateAxis(next, ops.Neg(row), 0, at), []*ir.Value{next}
		}, cacheBytes + 1<<12},
		"old one wanted": {func(cache, row, at *ir.Value) (*ir.Value, []*ir.Value) {
			return ops.DynamicUpdateAxis(cache, row, 0, at), []*ir.Value{cache}
		}, cacheBytes + 1<<12},
		"read after": {func(cache, row, at *ir.Value) (*ir.Value, []*ir.Value) {
			next := ops.DynamicUpdateAxis(cache, row, 0, at)
			return next, []*ir.Value{ops.Sub(ops.Sum(next), ops.Sum(cache))}
		}, cacheBytes + 1<<16},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNet(3)
			cache, row := n.input(ir.Variable, 1, capacity, width), n.input(ir.Arg, 1, 1, width)
			n.in = append(n.in, tensor.Scalar[int64](700))
			at := n.g.Input(ir.Arg, "at", ir.Type{DType: dtype.Int64})
			next, out := c.build(cache, row, at)
			n.g.SetOutputs(out...)
			n.g.Update(cache, next)
			r, err := check(newBackend(t), n.g, n.in...)
			if err != nil {
				t.Fatal(err)
			}
			if r.stats.ArenaBytes > c.room {
				t.Errorf("the step takes %d bytes beside a cache of %d, want at most %d", r.stats.ArenaBytes, cacheBytes, c.room)
			}
			if slices.Contains(r.stats.Interpreted, "dynamic_update") {
				t.Error("the update is interpreted")
			}
		})
	}
}

// The gradient of a block taken from a parameter is written into zeros, not
// into a copy of them.
func TestUpdateOverwritesWhatDies(t *testing.T) {
	n := newNet(4)
	block := n.input(ir.Arg, 1, 2, 64)
	i := ops.FullInt(n.g, dtype.Int32, shape.Shape{}, 5)
	zeros := ops.Full(n.g, dtype.Float32, shape.Of(1000, 64), 0)
	n.g.SetOutputs(ops.DynamicUpdateAxis(zeros, block, 0, i))
	r, err := check(newBackend(t), n.g, n.in...)
	if err != nil {
		t.Fatal(err)
	}
	if want := int64(4*1000*64 + 1<<10); r.stats.ArenaBytes > want {
		t.Errorf("the step takes %d bytes, want at most %d", r.stats.ArenaBytes, want)
	}
}
