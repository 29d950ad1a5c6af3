package main

import (
	"math"

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
	// fromPixels tells that the source, not the result, is of pixels or taps;
	// clip that some of these may be missing, onto that the result is added.
	fromPixels, clip, onto bool
}

var transforms = []transform{
	{title: "Image", from: 6, to: 6, line: imageLine, constants: imageConstants, fromPixels: true, clip: true},
	{title: "Overlay", from: 6, to: 6, line: overlayLine, constants: overlayConstants, clip: true, onto: true},
	{title: "Weight3", from: 3, to: 6, line: weight3Line, constants: weight3Constants, fromPixels: true},
	{title: "Result4", from: 6, to: 4, line: result4Line, constants: result4Constants, clip: true},
	{title: "Spread4", from: 4, to: 6, line: spread4Line, constants: spread4Constants, fromPixels: true, clip: true},
	{title: "Gather3", from: 6, to: 3, line: gather3Line, constants: gather3Constants},
	{title: "Weight5", from: 5, to: 6, line: weight5Line, constants: weight5Constants, fromPixels: true},
	{title: "Result2", from: 6, to: 2, line: result2Line, constants: result2Constants, clip: true},
	{title: "Spread2", from: 2, to: 6, line: spread2Line, constants: spread2Constants, fromPixels: true, clip: true},
	{title: "Gather5", from: 6, to: 5, line: gather5Line, constants: gather5Constants},
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

func overlayLine(g *vec, c points, m []v) []v {
	s1, d1 := g.add(m[1], m[2]), g.sub(m[1], m[2])
	s2, d2 := g.add(m[3], m[4]), g.sub(m[3], m[4])
	x4 := g.add(g.add(m[0], s1), s2)
	x2 := g.mul(m[0], c.num(-2.5))
	g.VFNMADD231PS(c.num(2), s1, x2)
	g.VFNMADD231PS(c.num(0.5), s2, x2)
	t, u := g.mul(d1, c.num(pointA)), g.mul(d2, c.num(pointB))
	x3 := g.fma(m[5], c.num(-2.5), g.add(t, u))
	x1 := g.fnma(t, c.num(2), m[5])
	g.VFNMADD231PS(c.num(0.5), u, x1)
	return []v{m[0], x1, x2, x3, x4, m[5]}
}

func weight3Line(g *vec, c points, w []v) []v {
	third := g.mul(w[2], c.num(1./3))
	e := g.fnma(w[0], c.num(2./3), g.neg(third))
	f := g.fma(w[0], c.num(1./6), third)
	p1, m1 := g.pair(e, w[1], c.num(-2./3*pointA))
	p2, m2 := g.pair(f, w[1], c.num(pointB/6))
	return []v{w[0], p1, m1, p2, m2, w[2]}
}

func result4Line(g *vec, c points, m []v) []v {
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

func spread4Line(g *vec, c points, y []v) []v {
	e, o := g.fma(y[2], c.num(0.5), y[0]), g.fma(y[3], c.num(0.5), y[1])
	p1, m1 := g.pair(e, o, c.num(pointA))
	f, q := g.fma(y[2], c.num(2), y[0]), g.fma(y[3], c.num(2), y[1])
	p2, m2 := g.pair(f, q, c.num(pointB))
	return []v{y[0], p1, m1, p2, m2, y[3]}
}

func gather3Line(g *vec, c points, m []v) []v {
	s1, d1 := g.add(m[1], m[2]), g.sub(m[1], m[2])
	s2, d2 := g.add(m[3], m[4]), g.sub(m[3], m[4])
	g.VFNMADD231PS(c.num(2./3), s1, m[0])
	g.VFMADD231PS(c.num(1./6), s2, m[0])
	w1 := g.mul(d1, c.num(-2./3*pointA))
	g.VFMADD231PS(c.num(pointB/6), d2, w1)
	g.VFMADD231PS(c.num(1./3), g.sub(s2, s1), m[5])
	return []v{m[0], w1, m[5]}
}

func weight5Line(g *vec, c points, w []v) []v {
	e, o := g.fma(g.fma(w[4], c.num(0.5), w[2]), c.num(0.5), w[0]), g.fma(w[3], c.num(0.5), w[1])
	p1, m1 := g.pair(g.mul(e, c.num(-2./3)), o, c.num(-2./3*pointA))
	f, q := g.fma(g.fma(w[4], c.num(2), w[2]), c.num(2), w[0]), g.fma(w[3], c.num(2), w[1])
	p2, m2 := g.pair(g.mul(f, c.num(1./6)), q, c.num(pointB/6))
	return []v{w[0], p1, m1, p2, m2, w[4]}
}

func result2Line(g *vec, c points, m []v) []v {
	y0 := g.add(g.add(m[0], g.add(m[1], m[2])), g.add(m[3], m[4]))
	y1 := g.fma(g.sub(m[1], m[2]), c.num(pointA), m[5])
	g.VFMADD231PS(c.num(pointB), g.sub(m[3], m[4]), y1)
	return []v{y0, y1}
}

func spread2Line(g *vec, c points, y []v) []v {
	p1, m1 := g.pair(g.load(y[0]), y[1], c.num(pointA))
	p2, m2 := g.pair(g.load(y[0]), y[1], c.num(pointB))
	return []v{y[0], p1, m1, p2, m2, y[1]}
}

func gather5Line(g *vec, c points, m []v) []v {
	s, d := g.mul(g.add(m[1], m[2]), c.num(-2./3)), g.mul(g.sub(m[1], m[2]), c.num(-2./3*pointA))
	t, e := g.mul(g.add(m[3], m[4]), c.num(1./6)), g.mul(g.sub(m[3], m[4]), c.num(pointB/6))
	w0 := g.add(g.add(m[0], s), t)
	w1 := g.add(d, e)
	w3 := g.fma(e, c.num(2), g.mul(d, c.num(0.5)))
	g.VMULPS(c.num(0.5), s, s)
	g.VMULPS(c.num(2), t, t)
	w2 := g.add(s, t)
	w4 := g.fma(s, c.num(0.5), m[5])
	g.VFMADD231PS(c.num(2), t, w4)
	return []v{w0, w1, w2, w3, w4}
}

// neg returns -a.
func (g *vec) neg(a v) v { return g.xor(a, g.bits(1<<31)) }

var (
	imageConstants   = []float64{2, 0.5, 2.5, pointA, pointB}
	overlayConstants = []float64{2, 0.5, -2.5, pointA, pointB}
	weight3Constants = []float64{1. / 3, 2. / 3, 1. / 6, -2. / 3 * pointA, pointB / 6}
	result4Constants = []float64{2, 0.5, pointA, pointB}
	spread4Constants = []float64{2, 0.5, pointA, pointB}
	gather3Constants = []float64{2. / 3, 1. / 6}
	weight5Constants = []float64{2, 0.5, -2. / 3, 1. / 6, -2. / 3 * pointA, pointB / 6}
	result2Constants = []float64{pointA, pointB}
	spread2Constants = []float64{pointA, pointB}
	gather5Constants = []float64{2, 0.5, -2. / 3, 1. / 6, -2. / 3 * pointA, pointB / 6}
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
	x.vec.name = "winograd" + x.title + x.suffix
	x.labels = 0
	x.Function(x.vec.name)
	x.SignatureExpr("func(channels int, valid uint64, origin int, src *float32, srcRow, srcCol int, dst *float32, dstRow, dstCol int)")
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
	if x.fromPixels {
		x.ADDQ(origin, x.src)
	} else {
		x.ADDQ(origin, x.dst)
	}
	x.srcRow, x.srcCol = x.bytes("srcRow"), x.bytes("srcCol")
	x.dstRow, x.dstCol = x.bytes("dstRow"), x.bytes("dstCol")
	x.nums = points{x.vec, map[float64]v{}}
	for _, c := range x.constants {
		x.nums.regs[c] = x.load(x.num(c))
	}
	loop := func(clip bool) {
		label := x.label("channels")
		x.Label(label)
		x.columns(clip && x.fromPixels)
		x.rows(clip && !x.fromPixels)
		x.ADDQ(Imm(uint64(bytes)), x.src)
		x.ADDQ(Imm(uint64(bytes)), x.dst)
		x.SUBQ(Imm(uint64(x.width)), n)
		x.JG(LabelRef(label))
		x.VZEROUPPER()
		x.RET()
	}
	if x.clip {
		x.CMPQ(x.valid, I32(-1))
		x.JNE(LabelRef("clipped"))
	}
	loop(false)
	if x.clip {
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
			missing := ""
			if clip {
				missing = x.skip(i, j)
			}
			if x.onto {
				r = x.vec.add(r, Mem{Base: p})
			}
			x.VMOVUPS(r, Mem{Base: p})
			if clip {
				x.Label(missing)
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
