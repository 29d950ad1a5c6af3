package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// canonicalDots rewrites products so that in every operand the batch axes come
// first, and the axes that are summed come together, before or after the free
// ones: what a kernel reads in place, transposed or not.
func canonicalDots(g *ir.Graph) (*ir.Graph, error) {
	return ir.Deep(g, func(g *ir.Graph) (*ir.Graph, error) { return ir.Rewrite(g, canonicalDot) })
}

func canonicalDot(_ *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
	op, ok := n.Op().(ops.DotOp)
	if !ok {
		return nil
	}
	x, xb, xc := canonicalOperand(in[0], axes(op.XBatch, op.NBatch), axes(op.XContract, op.NContract))
	y, yb, yc := canonicalOperand(in[1], axes(op.YBatch, op.NBatch), axes(op.YContract, op.NContract))
	if x == in[0] && y == in[1] {
		return nil
	}
	return []*ir.Value{ops.DotGeneral(x, y, ops.DotSpec{XBatch: xb, YBatch: yb, XContract: xc, YContract: yc})}
}

func axes(list [8]int8, n int8) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = int(list[i])
	}
	return out
}

// run returns first, first+1, ... of length n.
func run(first, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = first + i
	}
	return out
}

func equal(a, b []int) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return len(a) == len(b)
}

// canonicalOperand transposes v, if it must be, and returns where its batch
// and contracted axes are then.
func canonicalOperand(v *ir.Value, batch, contract []int) (*ir.Value, []int, []int) {
	nb, nc, free := len(batch), len(contract), v.Rank()-len(batch)-len(contract)
	if equal(batch, run(0, nb)) {
		if equal(contract, run(nb, nc)) || equal(contract, run(nb+free, nc)) {
			return v, batch, contract
		}
	}
	taken := map[int]bool{}
	perm := append([]int(nil), batch...)
	for _, a := range append(append([]int(nil), batch...), contract...) {
		taken[a] = true
	}
	for a := range v.Rank() {
		if !taken[a] {
			perm = append(perm, a)
		}
	}
	perm = append(perm, contract...)
	return ops.Transpose(v, perm...), run(0, nb), run(nb+free, nc)
}

// A matrixOperand is an operand of a canonical product as matrices.
type matrixOperand struct {
	batch, free, contract int
	contractFirst         bool // stored as contract rows of free
}

func matrix(v *ir.Value, batch, contract []int) (m matrixOperand) {
	m.batch, m.free, m.contract = 1, 1, 1
	for a := range v.Rank() {
		switch d := v.Dim(a); {
		case a < len(batch):
			m.batch *= d
		case contains(contract, a):
			m.contract *= d
		default:
			m.free *= d
		}
	}
	m.contractFirst = len(contract) > 0 && contract[0] == len(batch) && len(batch)+len(contract) < v.Rank()
	return m
}

func contains(list []int, x int) bool {
	for _, v := range list {
		if v == x {
			return true
		}
	}
	return false
}

// canAnchor reports whether the product, convolution, norm or pooling n can run a group
// at its end: its columns are the last axis of its first result.
func canAnchor(n *ir.Node) bool {
	switch op := n.Op().(type) {
	case ops.DotOp:
		y := n.In()[1]
		return isF32(n) && y.Rank() == int(op.NBatch+op.NContract)+1
	case ops.ConvOp, ops.ConvInputOp, ops.BatchNormOp:
		return isF32(n)
	case ops.GroupNormOp:
		return op.Axis > 1
	case ops.MaxPoolGradOp:
		_, last, ok := maxPoolGradSpec(n)
		return last && ok
	}
	return false
}

// epilogue binds what runs on regions of a product's result: phases that must
// come before, and the machine.
type epilogue func(m *memory) (*machine, []kernel.Phase)

// product lowers a node that can be an anchor into y, with an epilogue or nil.
func (l *lowering) product(n *ir.Node, y ref, after epilogue) bool {
	switch op := n.Op().(type) {
	case ops.DotOp:
		l.dot(n, op, y, after)
	case ops.ConvOp:
		l.conv(n, op, y, after)
	case ops.ConvInputOp:
		l.convInput(n, op, y, after)
	case ops.BatchNormOp:
		l.batchNorm(n, y, after)
	case ops.GroupNormOp:
		l.normGroups(n, y, after)
	case ops.MaxPoolGradOp:
		l.maxPoolGrad(n, y, after)
	default:
		return false
	}
	return true
}

func lowerProduct(l *Lowering, n *ir.Node) {
	if !isF32(n) {
		l.interpret(n)
		return
	}
	l.product(n, l.write(n.Out(0)), nil)
}

// packedRows is the most rows for which a fixed weight is packed once: with
// more, packing it every time costs little beside the product, and less memory.
// bert-infer, of 128 rows, gained nothing (Benchmark in package bench).
const packedRows = 32

// gemm plans a canonical product. Its result [batch, rows, cols] may be of any
// rank; rows are the free elements of x, cols those of y. A transient one is
// for the epilogue alone; one that sums is added to what is there.
func (l *lowering) gemm(n *ir.Node, op ops.DotOp, transient, sums bool) (*kernel.Gemm, kernel.GemmSpec) {
	x, y := n.In()[0], n.In()[1]
	mx := matrix(x, axes(op.XBatch, op.NBatch), axes(op.XContract, op.NContract))
	my := matrix(y, axes(op.YBatch, op.NBatch), axes(op.YContract, op.NContract))
	s := kernel.GemmSpec{
		Batch: mx.batch, M: mx.free, N: my.free, K: mx.contract,
		TransA: mx.contractFirst, TransB: !my.contractFirst,
		LdA: mx.contract, LdB: my.free, LdC: my.free,
		StrideA: mx.free * mx.contract, StrideB: my.free * my.contract, StrideC: mx.free * my.free,
		Transient: transient, Accumulate: sums,
	}
	if s.TransA {
		s.LdA = s.M
	}
	if s.TransB {
		s.LdB = s.K
	}
	s.FormatB, s.HalfB = halfOf(stored(y).DType())
	return kernel.NewGemm(l.b.set, s, l.b.threads), s
}

// sumColumns is the most columns, and sumSteps the least length of a sum, for
// which a product is faster element by element: a panel of B for the tile kernel
// would be mostly empty, and its memory many times that of B (BenchmarkPredict of
// package serve/engine, spam).
const (
	sumColumns = 2
	sumSteps   = 4096
)

// sums lowers a product of few columns and long sums, each of them [kernel.Vec.Dot]
// of a row and a column: what it gives depends on these two alone.
func (l *lowering) sums(n *ir.Node, s kernel.GemmSpec, out ref, after epilogue) {
	a, b := l.read(n.In()[0]), l.read(n.In()[1])
	v := &l.b.set.Vec
	l.step("matmul", n, func(m *memory) []kernel.Phase {
		run, before := regions(m, after, s.M)
		x, w, y := m.f32(a), m.f32(b), m.f32(out)
		return append(before, rowsOf(s.M, 2*s.N*s.K, func(worker, r int) {
			for c := range s.N {
				y[r*s.N+c] = v.Dot(x[r*s.K:(r+1)*s.K], w[c*s.K:(c+1)*s.K])
			}
			if run != nil {
				run(worker, 0, r, r+1, 0, s.N)
			}
		}))
	})
}

// dot lowers a canonical product.
func (l *lowering) dot(n *ir.Node, op ops.DotOp, out ref, after epilogue) {
	k, s := l.gemm(n, op, l.units[l.unit].transient, l.units[l.unit].sums)
	if s.TransB && !s.TransA && s.Batch == 1 && s.N <= sumColumns && s.K >= sumSteps && !s.Transient && !s.Accumulate && !s.HalfB {
		l.sums(n, s, out, after)
		return
	}
	if s.TransB && !s.TransA && s.Batch == 1 && s.M <= packedRows && !s.Transient && !s.Accumulate && !s.HalfB {
		// A linear layer is a convolution of pixels in a row.
		one, line := [3]int{1, 1, 1}, [3]int{1, 1, s.M}
		if l.packOnce(n, kernel.ConvSpec{N: 1, C: s.K, O: s.N, Groups: 1, In: line, Out: line, Kernel: one, Stride: one, Dilation: one}, out, after) {
			return
		}
	}
	a, b, scratch := l.read(n.In()[0]), l.read(stored(n.In()[1])), l.scratch(k.Scratch())
	l.step("matmul", n, func(m *memory) []kernel.Phase {
		run, before := regions(m, after, s.M)
		if s.HalfB {
			return append(before, k.BindHalf(m.f32(a), view[uint16](m.bytes(b)), m.f32(out), m.f32(scratch), run)...)
		}
		return append(before, k.Bind(m.f32(a), m.f32(b), m.f32(out), m.f32(scratch), run)...)
	})
}

// regions turns an epilogue into what a kernel calls; a matrix has that many
// rows.
func regions(m *memory, after epilogue, rows int) (kernel.Epilogue, []kernel.Phase) {
	if after == nil {
		return nil, nil
	}
	x, before := after(m)
	return func(worker, b, r0, r1, c0, c1 int) {
		x.region(worker, b*rows+r0, b*rows+r1, c0, c1)
	}, before
}
