package main

import (
	"math"
	"strings"

	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// winograd writes the transforms of Winograd's convolution, see winograd.go of
// the kernels for the formulas.
func winograd(c *build.Context) {
	for _, g := range []*vec{{Context: c, width: 8, suffix: "AVX2"}, {Context: c, width: 16, suffix: "AVX512"}} {
		g.consts = map[string]Mem{}
		for _, t := range transforms {
			(&transform2{vec: g, transform: t}).write()
		}
	}
}

// A transform is a matrix from in numbers to out, which is applied to the
// columns of a square and then to the rows of what this gives.
type transform struct {
	title    string
	from, to int
	line     func(g *vec, c points, x []v) []v
	// constants are what the line keeps in registers.
	constants []float64
	// clipSource and clipResult tell that elements of that side may be missing.
	clipSource, clipResult bool
}

var transforms = []transform{
	{title: "image", from: 6, to: 6, line: imageLine, constants: imageConstants, clipSource: true},
	{title: "weight", from: 3, to: 6, line: weightLine, constants: weightConstants},
	{title: "result", from: 6, to: 4, line: resultLine, constants: resultConstants, clipResult: true},
	{title: "spread", from: 4, to: 6, line: spreadLine, constants: spreadConstants, clipSource: true},
	{title: "gather", from: 6, to: 3, line: gatherLine, constants: gatherConstants},
}

// points finds constants: in a register, or in memory.
type points struct {
	g    *vec
	regs map[float64]v
}

func (p points) num(x float64) Op {
	if r, ok := p.regs[x]; ok {
		return r
	}
	return p.g.num(x)
}

// The points of the interpolation are 0, a, -a, b, -b and infinity.
var pointA, pointB = math.Sqrt2 / 2, math.Sqrt2

// pair returns e + f*o and e - f*o; e is overwritten.
func (g *vec) pair(e, o v, f Op) (plus, minus v) {
	minus = g.fnma(o, f, e)
	g.VFMADD231PS(f, o, e)
	return e, minus
}

func imageLine(g *vec, c points, d []v) []v {
	last := g.fnma(d[3], c.num(2.5), d[1])
	last = g.add(last, d[5])
	first := g.fnma(d[2], c.num(2.5), d[0])
	first = g.add(first, d[4])
	e, o := g.fnma(d[2], c.num(2), d[4]), g.fnma(d[1], c.num(2), d[3])
	p1, m1 := g.pair(e, o, c.num(pointA))
	g.VFNMADD231PS(c.num(0.5), d[2], d[4])
	g.VFNMADD231PS(c.num(0.5), d[1], d[3])
	p2, m2 := g.pair(d[4], d[3], c.num(pointB))
	return []v{first, p1, m1, p2, m2, last}
}

func weightLine(g *vec, c points, w []v) []v {
	third := g.mul(w[2], c.num(1./3))
	e := g.fnma(w[0], c.num(2./3), g.neg(third))
	f := g.fma(w[0], c.num(1./6), third)
	p1, m1 := g.pair(e, w[1], c.num(-2./3*pointA))
	p2, m2 := g.pair(f, w[1], c.num(pointB/6))
	return []v{w[0], p1, m1, p2, m2, w[2]}
}

func resultLine(g *vec, c points, m []v) []v {
	s1, d1 := g.add(m[1], m[2]), g.sub(m[1], m[2])
	s2, d2 := g.add(m[3], m[4]), g.sub(m[3], m[4])
	y0 := g.add(g.add(m[0], s1), s2)
	y2 := g.fma(s2, c.num(2), g.mul(s1, c.num(0.5)))
	t, u := g.mul(d1, c.num(pointA)), g.mul(d2, c.num(pointB))
	y1 := g.add(t, u)
	g.VFMADD231PS(c.num(0.5), t, m[5])
	g.VFMADD231PS(c.num(2), u, m[5])
	return []v{y0, y1, y2, m[5]}
}

func spreadLine(g *vec, c points, y []v) []v {
	e, o := g.fma(y[2], c.num(0.5), y[0]), g.fma(y[3], c.num(0.5), y[1])
	p1, m1 := g.pair(e, o, c.num(pointA))
	f, q := g.fma(y[2], c.num(2), y[0]), g.fma(y[3], c.num(2), y[1])
	p2, m2 := g.pair(f, q, c.num(pointB))
	return []v{y[0], p1, m1, p2, m2, y[3]}
}

func gatherLine(g *vec, c points, m []v) []v {
	s1, d1 := g.add(m[1], m[2]), g.sub(m[1], m[2])
	s2, d2 := g.add(m[3], m[4]), g.sub(m[3], m[4])
	g.VFNMADD231PS(c.num(2./3), s1, m[0])
	g.VFMADD231PS(c.num(1./6), s2, m[0])
	w1 := g.mul(d1, c.num(-2./3*pointA))
	g.VFMADD231PS(c.num(pointB/6), d2, w1)
	g.VFMADD231PS(c.num(1./3), g.sub(s2, s1), m[5])
	return []v{m[0], w1, m[5]}
}

// neg returns -a.
func (g *vec) neg(a v) v { return g.xor(a, g.bits(1<<31)) }

var (
	imageConstants  = []float64{2, 0.5, 2.5, pointA, pointB}
	weightConstants = []float64{1. / 3, 2. / 3, 1. / 6, -2. / 3 * pointA, pointB / 6}
	resultConstants = []float64{2, 0.5, pointA, pointB}
	spreadConstants = []float64{2, 0.5, pointA, pointB}
	gatherConstants = []float64{2. / 3, 1. / 6}
)

// A transform2 writes a transform of squares.
type transform2 struct {
	*vec
	transform
	src, srcRow, srcCol reg.GPVirtual
	dst, dstRow, dstCol reg.GPVirtual
	valid               reg.GPVirtual
	spare               reg.GPVirtual
	nums                points
}

func (x *transform2) write() {
	x.vec.name = "winograd" + strings.ToUpper(x.title[:1]) + x.title[1:] + x.suffix
	x.labels = 0
	x.Function(x.vec.name)
	x.SignatureExpr("func(channels int, valid uint64, src *float32, origin, srcRow, srcCol int, dst *float32, dstRow, dstCol int)")
	x.Doc(x.vec.name + " transforms squares, see the portable version.")
	x.Pragma("noescape")
	bytes := 4 * x.width
	frame := x.AllocLocal(x.from*x.to*bytes + bytes)
	x.spare = x.GP64()
	x.LEAQ(frame.Offset(bytes-1), x.spare)
	x.ANDQ(I32(-bytes), x.spare)
	n := x.Load(x.Param("channels"), x.GP64()).(reg.GPVirtual)
	x.valid = x.Load(x.Param("valid"), x.GP64()).(reg.GPVirtual)
	x.src = x.Load(x.Param("src"), x.GP64()).(reg.GPVirtual)
	x.dst = x.Load(x.Param("dst"), x.GP64()).(reg.GPVirtual)
	origin := x.bytes("origin")
	x.ADDQ(origin, x.src)
	x.srcRow, x.srcCol = x.bytes("srcRow"), x.bytes("srcCol")
	x.dstRow, x.dstCol = x.bytes("dstRow"), x.bytes("dstCol")
	x.nums = points{x.vec, map[float64]v{}}
	for _, c := range x.constants {
		x.nums.regs[c] = x.load(x.num(c))
	}
	loop := func(clip bool) {
		label := x.label("channels")
		x.Label(label)
		x.columns(clip && x.clipSource)
		x.rows(clip && x.clipResult)
		x.ADDQ(Imm(uint64(bytes)), x.src)
		x.ADDQ(Imm(uint64(bytes)), x.dst)
		x.SUBQ(Imm(uint64(x.width)), n)
		x.JG(LabelRef(label))
		x.VZEROUPPER()
		x.RET()
	}
	if x.clipSource || x.clipResult {
		x.CMPQ(x.valid, I32(-1))
		x.JNE(LabelRef("clipped"))
	}
	loop(false)
	if x.clipSource || x.clipResult {
		x.Label("clipped")
		loop(true)
	}
}

// between is where the element of a row and column lies after the columns
// were transformed.
func (x *transform2) between(row, col int) Mem {
	return Mem{Base: x.spare, Disp: (row*x.from + col) * 4 * x.width}
}

// skip jumps to a new label if the element is not valid.
func (x *transform2) skip(row, col int) string {
	label := x.label("missing")
	x.BTQ(Imm(uint64(row*8+col)), x.valid)
	x.JCC(LabelRef(label))
	return label
}

func (x *transform2) columns(clip bool) {
	x.Comment("Columns.")
	col, p := x.GP64(), x.GP64()
	x.MOVQ(x.src, col)
	var zero v
	if clip {
		zero = x.zero()
	}
	for j := range x.from {
		in := make([]v, x.from)
		x.MOVQ(col, p)
		for i := range in {
			in[i] = x.reg()
			if clip {
				x.VMOVUPS(zero, in[i])
				label := x.skip(i, j)
				x.VMOVUPS(Mem{Base: p}, in[i])
				x.Label(label)
			} else {
				x.VMOVUPS(Mem{Base: p}, in[i])
			}
			if i < x.from-1 {
				x.ADDQ(x.srcRow, p)
			}
		}
		if j < x.from-1 {
			x.ADDQ(x.srcCol, col)
		}
		for i, r := range x.line(x.vec, x.nums, in) {
			x.VMOVUPS(r, x.between(i, j))
		}
	}
}

func (x *transform2) rows(clip bool) {
	x.Comment("Rows.")
	row, p := x.GP64(), x.GP64()
	x.MOVQ(x.dst, row)
	for i := range x.to {
		in := make([]v, x.from)
		for j := range in {
			in[j] = x.load(x.between(i, j))
		}
		x.MOVQ(row, p)
		for j, r := range x.line(x.vec, x.nums, in) {
			if clip {
				label := x.skip(i, j)
				x.VMOVUPS(r, Mem{Base: p})
				x.Label(label)
			} else {
				x.VMOVUPS(r, Mem{Base: p})
			}
			if j < x.to-1 {
				x.ADDQ(x.dstCol, p)
			}
		}
		if i < x.to-1 {
			x.ADDQ(x.dstRow, row)
		}
	}
}
