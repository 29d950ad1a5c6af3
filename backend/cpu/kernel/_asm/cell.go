package main

import (
	"math"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// cell writes the cells of recurrent layers for both widths.
func cell(c *build.Context) {
	for _, g := range []*vec{{Context: c, width: 8, suffix: "AVX2"}, {Context: c, width: 16, suffix: "AVX512"}} {
		g.consts = map[string]Mem{}
		g.lstm()
		g.lstmGrad()
		g.gru()
		g.gruGrad()
	}
}

// cellFields are the places of a cellRow's fields, in words.
var cellFields = map[string]int{
	"n": 0, "stride": 1, "z": 2, "x": 3, "bias": 4, "gates": 5, "state": 6, "tape": 7, "h": 8, "y": 9,
	"dy": 10, "dh": 11, "dc": 12, "dx": 13, "dq": 14, "db": 15, "tmp": 16,
}

// A row walks along the units of a cellRow: vector by vector, all pointers move
// on together.
type row struct {
	*vec
	p           map[string]reg.GPVirtual
	one, triple reg.GPVirtual // strides from gate to gate
	mask        m             // nil for a whole vector
}

// cellFunction writes a function over the named fields; body does one vector.
func (g *vec) cellFunction(name, doc string, fields []string, body func(r *row)) {
	g.name = "cell" + name + g.suffix
	g.labels = 0
	g.Function(g.name)
	g.Attributes(attr.NOSPLIT)
	g.SignatureExpr("func(r *[17]uint64)")
	g.Doc(g.name + " " + doc)
	g.Pragma("noescape")
	base := g.Load(g.Param("r"), g.GP64()).(reg.GPVirtual)
	field := func(name string) reg.GPVirtual {
		p := g.GP64()
		g.MOVQ(Mem{Base: base, Disp: 8 * cellFields[name]}, p)
		return p
	}
	r := &row{vec: g, p: map[string]reg.GPVirtual{}}
	n := field("n")
	r.one, r.triple = field("stride"), g.GP64()
	g.LEAQ(Mem{Base: r.one, Index: r.one, Scale: 2}, r.triple)
	for _, name := range fields {
		r.p[name] = field(name)
	}
	whole, rest, done := g.label("whole"), g.label("rest"), g.label("done")
	g.Label(whole)
	g.SUBQ(Imm(uint64(g.width)), n)
	g.JL(LabelRef(rest))
	body(r)
	for _, name := range fields {
		g.ADDQ(Imm(uint64(4*g.width)), r.p[name])
	}
	g.JMP(LabelRef(whole))
	g.Label(rest)
	g.ADDQ(Imm(uint64(g.width)), n)
	g.JZ(LabelRef(done))
	r.mask = g.tailMask(n)
	body(r)
	g.Label(done)
	g.VZEROUPPER()
	g.RET()
}

// at is where gate k of a field lies.
func (r *row) at(name string, k int) Mem {
	switch k {
	case 0:
		return Mem{Base: r.p[name]}
	case 3:
		return Mem{Base: r.p[name], Index: r.triple, Scale: 1}
	}
	return Mem{Base: r.p[name], Index: r.one, Scale: uint8(k)}
}

func (r *row) get(name string, k int) v {
	if r.mask == nil {
		return r.load(r.at(name, k))
	}
	return r.loadTail(r.mask, r.at(name, k))
}

func (r *row) set(name string, k int, x v) {
	if r.mask == nil {
		r.VMOVUPS(x, r.at(name, k))
	} else {
		r.storeTail(r.mask, x, r.at(name, k))
	}
}

// plus adds to gate k of a field.
func (r *row) plus(name string, k int, x v) { r.set(name, k, r.add(r.get(name, k), x)) }

// before is what gate k is a function of.
func (r *row) before(k int) v {
	return r.add(r.add(r.get("z", k), r.get("x", k)), r.get("bias", k))
}

// oneMinus is 1 - x.
func (r *row) oneMinus(x v) v { return r.sub(r.load(r.num(1)), x) }

func (r *row) sigmoidSlope(y v) v { return r.mul(r.oneMinus(y), y) }
func (r *row) tanhSlope(y v) v    { return r.oneMinus(r.mul(y, y)) }

// sigmoid is 1/(1 + e^-x), x held where nothing overflows: to 3 ulp there. It
// costs half of what [vec.sigmoid] does.
func (r *row) sigmoid(x v) v {
	x = r.below(87, r.above(-87, x))
	n := r.sub(r.fma(x, r.num(-math.Log2E), r.load(r.num(nearestInt))), r.num(nearestInt))
	f := r.load(x) // -x - n ln 2
	r.VFNMSUB231PS(r.num(math.Ln2), n, f)
	p := r.horner(expFit, f)
	r.VFMADD213PS(r.add(f, r.num(1)), r.mul(f, f), p) // 1 + f + f^2 P
	if r.wide() {
		return r.reciprocal(r.add(r.scale(p, n), r.num(1)))
	}
	power := r.left(r.addInt(r.toInt(n), r.bits(127)), 23)
	return r.reciprocal(r.fma(p, power, r.load(r.num(1))))
}

// tanh is x P(x^2)/Q(x^2), to 6 ulp, and never above 1. It costs half of what
// [vec.tanh] does.
func (r *row) tanh(x v) v {
	x = r.below(tanhEnd, r.above(-tanhEnd, x))
	s := r.mul(x, x)
	return r.mul(r.mul(r.horner(tanhOver, s), x), r.reciprocal(r.horner(tanhUnder, s)))
}

// tanhOver over tanhUnder is tanh(x)/x in x^2 to 1e-8, |x| < tanhEnd.
var (
	tanhOver  = []float64{0.9999999927045066, 0.13438329739240376, 0.0035641598884954607, 2.1765954420981625e-05, 1.503454622309671e-08}
	tanhUnder = []float64{1, 0.4677165630704624, 0.02613645234393873, 0.00033988839685476514, 8.446359041193387e-07}
)

const (
	tanhEnd    = 8.1
	nearestInt = 3 << 22 // added to a number and taken away again, leaves the nearest whole one
)

// reciprocal is 1/x for a normal x and result, to 1 ulp.
func (r *row) reciprocal(x v) v {
	if !r.wide() {
		return r.div(r.load(r.num(1)), x)
	}
	// One step of Newton, as a division takes as long as ten products.
	y := r.reg()
	r.VRCP14PS(x, y)
	rest := r.fnma(x, y, r.load(r.num(1)))
	return r.fma(y, rest, y)
}

func (g *vec) lstm() {
	g.cellFunction("LSTM", "does one step of an LSTM, see Vec.cellForward.",
		[]string{"z", "x", "bias", "gates", "state", "tape", "h", "y"}, func(r *row) {
			f := r.sigmoid(r.before(1))
			r.set("gates", 1, f)
			c := r.get("state", 0)
			r.set("tape", 0, c)
			c = r.mul(f, c)
			i := r.sigmoid(r.before(0))
			r.set("gates", 0, i)
			t := r.tanh(r.before(2))
			r.set("gates", 2, t)
			c = r.fma(i, t, c)
			r.set("state", 0, c)
			o := r.sigmoid(r.before(3))
			r.set("gates", 3, o)
			h := r.mul(r.tanh(c), o)
			r.set("h", 0, h)
			r.set("y", 0, h)
		})
}

func (g *vec) lstmGrad() {
	g.cellFunction("LSTMGrad", "is the gradient of one step of an LSTM, see Vec.cellBackward.",
		[]string{"z", "gates", "tape", "dy", "dh", "dc", "dx", "db"}, func(r *row) {
			i, f, t, c := r.get("gates", 0), r.get("gates", 1), r.get("gates", 2), r.get("tape", 0)
			s := r.tanh(r.fma(i, t, r.mul(f, c)))
			o, dh := r.get("gates", 3), r.add(r.get("dh", 0), r.get("dy", 0))
			dc := r.fma(r.mul(dh, o), r.tanhSlope(s), r.get("dc", 0))
			out := func(k int, d v) {
				r.set("z", k, d)
				r.set("dx", k, d)
				r.plus("db", k, d)
			}
			r.set("dc", 0, r.mul(dc, f))
			r.set("dh", 0, r.zero())
			out(3, r.mul(r.mul(dh, s), r.sigmoidSlope(o)))
			out(1, r.mul(r.mul(dc, c), r.sigmoidSlope(f)))
			out(2, r.mul(r.mul(dc, i), r.tanhSlope(t)))
			out(0, r.mul(r.mul(dc, t), r.sigmoidSlope(i)))
		})
}

func (g *vec) gru() {
	g.cellFunction("GRU", "does one step of a GRU, see Vec.cellForward.",
		[]string{"z", "x", "bias", "gates", "state", "tape", "h", "y"}, func(r *row) {
			reset := r.sigmoid(r.before(0))
			inner := r.add(r.get("z", 2), r.get("bias", 3))
			r.set("tape", 0, inner)
			n := r.tanh(r.add(r.fma(reset, inner, r.get("x", 2)), r.get("bias", 2)))
			update := r.sigmoid(r.before(1))
			h := r.fma(update, r.sub(r.get("state", 0), n), n)
			r.set("gates", 0, reset)
			r.set("gates", 1, update)
			r.set("gates", 2, n)
			r.set("h", 0, h)
			r.set("y", 0, h)
		})
}

func (g *vec) gruGrad() {
	g.cellFunction("GRUGrad", "is the gradient of one step of a GRU, see Vec.cellBackward.",
		[]string{"z", "gates", "state", "tape", "dy", "dh", "dx", "dq", "db"}, func(r *row) {
			reset, update, n := r.get("gates", 0), r.get("gates", 1), r.get("gates", 2)
			dh := r.add(r.get("dh", 0), r.get("dy", 0))
			r.set("dh", 0, r.mul(dh, update))
			dUpdate := r.mul(r.mul(r.sub(r.get("state", 0), n), dh), r.sigmoidSlope(update))
			dn := r.mul(r.mul(r.oneMinus(update), dh), r.tanhSlope(n))
			dReset := r.mul(r.mul(dn, r.get("tape", 0)), r.sigmoidSlope(reset))
			inner := r.mul(dn, reset)
			for k, d := range []v{dReset, dUpdate, dn, inner} {
				r.plus("db", k, d)
				if k < 3 {
					r.set("dx", k, d)
				}
			}
			for k, d := range []v{dReset, dUpdate, inner} {
				r.set("z", k, d)
				r.set("dq", k, d)
			}
		})
}
