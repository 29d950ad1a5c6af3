package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

var lowerBatched = byType{f32: batched[float32], f64: batched[float64]}

// batched runs the items of a batch in parallel. Each worker has room for one
// item in float64.
func batched[T float32 | float64](l *Lowering, n *ir.Node) {
	op := n.Op().(ops.Batched)
	var types []ir.Type
	var in, out []ref
	for _, v := range n.In() {
		types, in = append(types, v.Type()), append(in, l.read(v))
	}
	for _, v := range n.Outs() {
		out = append(out, l.write(v))
	}
	count := op.Items(types)
	if count == 0 {
		return
	}
	work, f := op.Item(types)
	size := func(v *ir.Value) int { return v.Shape().Size() / count }
	total := work
	for _, v := range append(n.Outs(), n.In()...) {
		total += size(v)
	}
	flops := total
	if c, ok := n.Op().(ir.Coster); ok {
		var results []ir.Type
		for _, v := range n.Outs() {
			results = append(results, v.Type())
		}
		flops = int(c.Flops(types, results)) / count
	}
	scratch := l.words(total)
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		type room struct {
			in, out [][]float64
			work    []float64
		}
		rooms := make([]room, l.b.threads)
		for w := range rooms {
			mem := view[float64](scratch(m, w))
			take := func(n int) []float64 {
				part := mem[:n:n]
				mem = mem[n:]
				return part
			}
			for _, v := range n.In() {
				rooms[w].in = append(rooms[w].in, take(size(v)))
			}
			for _, v := range n.Outs() {
				rooms[w].out = append(rooms[w].out, take(size(v)))
			}
			rooms[w].work = take(work)
		}
		views := func(refs []ref) [][]T {
			vs := make([][]T, len(refs))
			for i, r := range refs {
				vs[i] = view[T](m.bytes(r))
			}
			return vs
		}
		src, dst := views(in), views(out)
		return []kernel.Phase{rowsOf(count, flops, func(worker, item int) {
			r := &rooms[worker]
			for k, part := range r.in {
				for i, v := range src[k][item*len(part) : (item+1)*len(part)] {
					part[i] = float64(v)
				}
			}
			f(r.in, r.out, r.work)
			for k, part := range r.out {
				d := dst[k][item*len(part) : (item+1)*len(part)]
				for i, v := range part {
					d[i] = T(v)
				}
			}
		})}
	})
}
