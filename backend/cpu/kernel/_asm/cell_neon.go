package main

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

// cellNEON writes the cells of recurrent layers for arm64, with the formulas of
// cell.go.
func cellNEON(f *neon.File) {
	g := &vecNEON{file: f}
	g.lstm()
	g.lstmGrad()
	g.gru()
	g.gruGrad()
}

// A rowNEON walks along the units of a cellRow: all pointers move on together.
type rowNEON struct {
	*vecNEON
	place   place
	p       map[string]neon.R
	strides [3]neon.R // from gate 0 to gate 1, 2 and 3
}

// cellFunction writes a function over the named fields; body does one vector,
// or one unit.
func (g *vecNEON) cellFunction(name, doc string, fields []string, body func(r *rowNEON)) {
	name = "cell" + name + "NEON"
	g.Func = g.file.Func(name, "func(r *[17]uint64)", name+" "+doc)
	base := g.Param("r")
	field := func(name string) neon.R {
		p := g.R()
		g.Load(p, base, 8*cellFields[name])
		return p
	}
	n := field("n")
	r := &rowNEON{vecNEON: g, p: map[string]neon.R{}, strides: g.steps(field("stride"))}
	var pointers []neon.R
	for _, name := range fields {
		r.p[name] = field(name)
		pointers = append(pointers, r.p[name])
	}
	g.loop(n, pointers, 1, func(at place) {
		r.place = at
		body(r)
	})
}

func (r *rowNEON) get(name string, k int) vn {
	if k == 0 {
		return r.in(r.p[name], r.place)
	}
	return r.inAt(r.p[name], r.strides[k-1], r.place)
}

func (r *rowNEON) set(name string, k int, x vn) {
	if k == 0 {
		r.out(x, r.p[name], r.place)
	} else {
		r.outAt(x, r.p[name], r.strides[k-1], r.place)
	}
}

// plus adds to gate k of a field.
func (r *rowNEON) plus(name string, k int, x vn) { r.set(name, k, r.add(r.get(name, k), x)) }

// before is what gate k is a function of.
func (r *rowNEON) before(k int) vn {
	return r.add(r.add(r.get("z", k), r.get("x", k)), r.get("bias", k))
}

// oneMinus is 1 - x.
func (r *rowNEON) oneMinus(x vn) vn { return r.sub(r.num(1), x) }

func (r *rowNEON) sigmoidSlope(y vn) vn { return r.mul(r.oneMinus(y), y) }
func (r *rowNEON) tanhSlope(y vn) vn    { return r.oneMinus(r.mul(y, y)) }

func (g *vecNEON) lstm() {
	g.cellFunction("LSTM", "does one step of an LSTM, see Vec.cellForward.",
		[]string{"z", "x", "bias", "gates", "state", "tape", "h", "y"}, func(r *rowNEON) {
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

func (g *vecNEON) lstmGrad() {
	g.cellFunction("LSTMGrad", "is the gradient of one step of an LSTM, see Vec.cellBackward.",
		[]string{"z", "gates", "tape", "dy", "dh", "dc", "dx", "db"}, func(r *rowNEON) {
			i, f, t, c := r.get("gates", 0), r.get("gates", 1), r.get("gates", 2), r.get("tape", 0)
			s := r.tanh(r.fma(i, t, r.mul(f, c)))
			o, dh := r.get("gates", 3), r.add(r.get("dh", 0), r.get("dy", 0))
			dc := r.fma(r.mul(dh, o), r.tanhSlope(s), r.get("dc", 0))
			out := func(k int, d vn) {
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

func (g *vecNEON) gru() {
	g.cellFunction("GRU", "does one step of a GRU, see Vec.cellForward.",
		[]string{"z", "x", "bias", "gates", "state", "tape", "h", "y"}, func(r *rowNEON) {
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

func (g *vecNEON) gruGrad() {
	g.cellFunction("GRUGrad", "is the gradient of one step of a GRU, see Vec.cellBackward.",
		[]string{"z", "gates", "state", "tape", "dy", "dh", "dx", "dq", "db"}, func(r *rowNEON) {
			reset, update, n := r.get("gates", 0), r.get("gates", 1), r.get("gates", 2)
			dh := r.add(r.get("dh", 0), r.get("dy", 0))
			r.set("dh", 0, r.mul(dh, update))
			dUpdate := r.mul(r.mul(r.sub(r.get("state", 0), n), dh), r.sigmoidSlope(update))
			dn := r.mul(r.mul(r.oneMinus(update), dh), r.tanhSlope(n))
			dReset := r.mul(r.mul(dn, r.get("tape", 0)), r.sigmoidSlope(reset))
			inner := r.mul(dn, reset)
			for k, d := range []vn{dReset, dUpdate, dn, inner} {
				r.plus("db", k, d)
				if k < 3 {
					r.set("dx", k, d)
				}
			}
			for k, d := range []vn{dReset, dUpdate, inner} {
				r.set("z", k, d)
				r.set("dq", k, d)
			}
		})
}
