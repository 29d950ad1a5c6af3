package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// A layer64 holds a recurrent layer in float64, computed by the formulas.
type layer64 struct {
	spec    RecurrentSpec
	lengths []int64

	prev, y, tape, gates, h, c []float64
	dx, dq, db, dh0, dc0       []float64
}

func sigmoid64(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// order lists the steps in the order in which sample b makes them.
func (l *layer64) order(b int) (list []int) {
	for t := range l.spec.T {
		if l.lengths == nil || int64(t) < l.lengths[b] {
			list = append(list, t)
		}
	}
	if l.spec.Reverse {
		slices.Reverse(list)
	}
	return list
}

// forward is the recurrence, sample by sample.
func (l *layer64) forward(weight, bias, h0, c0, x []float32) {
	s, g := l.spec, l.spec.Cell.gates()
	d := s.D
	n := s.B * s.T * d
	l.prev, l.y, l.tape, l.gates = make([]float64, n), make([]float64, n), make([]float64, n), make([]float64, g*n)
	for _, v := range h0 {
		l.h = append(l.h, float64(v))
	}
	for _, v := range c0 {
		l.c = append(l.c, float64(v))
	}
	for b := range s.B {
		h, c := l.h[b*d:(b+1)*d], []float64(nil)
		if s.Cell == LSTMCell {
			c = l.c[b*d : (b+1)*d]
		}
		for _, t := range l.order(b) {
			e := (b*s.T + t) * d
			copy(l.prev[e:], h)
			q := make([]float64, g*d)
			for j := range q {
				for k, v := range l.prev[e : e+d] {
					q[j] += v * float64(weight[j*d+k])
				}
			}
			a := func(k, u int) float64 { return q[k*d+u] + float64(x[e*g+k*d+u]) + float64(bias[k*d+u]) }
			for u := range d {
				gate := func(k int, v float64) float64 {
					l.gates[e*g+k*d+u] = v
					return v
				}
				switch s.Cell {
				case LSTMCell:
					l.tape[e+u] = c[u]
					i, f := gate(0, sigmoid64(a(0, u))), gate(1, sigmoid64(a(1, u)))
					c[u] = f*c[u] + i*gate(2, math.Tanh(a(2, u)))
					h[u] = gate(3, sigmoid64(a(3, u))) * math.Tanh(c[u])
				case GRUCell:
					m := q[2*d+u] + float64(bias[3*d+u])
					l.tape[e+u] = m
					r, z := gate(0, sigmoid64(a(0, u))), gate(1, sigmoid64(a(1, u)))
					n := gate(2, math.Tanh(r*m+float64(x[e*g+2*d+u])+float64(bias[2*d+u])))
					h[u] = n + z*(h[u]-n)
				case TanhCell:
					h[u] = math.Tanh(a(0, u))
				case ReLUCell:
					h[u] = max(0, a(0, u))
				}
			}
			copy(l.y[e:], h)
		}
	}
}

// backward is the gradient of the float32 tape that it is given.
func (l *layer64) backward(weight, gates, tape, prev, dy, dh, dc []float32) {
	s, g := l.spec, l.spec.Cell.gates()
	d := s.D
	n := s.B * s.T * d
	l.dx, l.dq, l.db = make([]float64, g*n), make([]float64, g*n), make([]float64, s.Cell.biases()*d)
	for _, v := range dh {
		l.dh0 = append(l.dh0, float64(v))
	}
	for _, v := range dc {
		l.dc0 = append(l.dc0, float64(v))
	}
	for b := range s.B {
		dh := l.dh0[b*d : (b+1)*d]
		order := l.order(b)
		slices.Reverse(order)
		for _, t := range order {
			e := (b*s.T + t) * d
			next := make([]float64, d)
			for u := range d {
				y := func(k int) float64 { return float64(gates[e*g+k*d+u]) }
				set := func(k int, dx, dq float64) {
					l.dx[e*g+k*d+u], l.dq[e*g+k*d+u] = dx, dq
					l.db[k*d+u] += dx
				}
				dh := dh[u] + float64(dy[e+u])
				switch s.Cell {
				case LSTMCell:
					i, f, gg, o, c := y(0), y(1), y(2), y(3), float64(tape[e+u])
					th := math.Tanh(f*c + i*gg)
					dc := l.dc0[b*d+u] + dh*o*(1-th*th)
					for k, v := range []float64{dc * gg * i * (1 - i), dc * c * f * (1 - f), dc * i * (1 - gg*gg), dh * th * o * (1 - o)} {
						set(k, v, v)
					}
					l.dc0[b*d+u] = dc * f
				case GRUCell:
					r, z, n, m, h := y(0), y(1), y(2), float64(tape[e+u]), float64(prev[e+u])
					an := dh * (1 - z) * (1 - n*n)
					set(0, an*m*r*(1-r), an*m*r*(1-r))
					set(1, dh*(h-n)*z*(1-z), dh*(h-n)*z*(1-z))
					set(2, an, an*r)
					l.db[3*d+u] += an * r
					next[u] = dh * z
				case TanhCell:
					set(0, dh*(1-y(0)*y(0)), dh*(1-y(0)*y(0)))
				case ReLUCell:
					v := 0.0
					if y(0) > 0 {
						v = dh
					}
					set(0, v, v)
				}
			}
			for k, v := range l.dq[e*g : (e+d)*g] {
				for u := range d {
					next[u] += v * float64(weight[k*d+u])
				}
			}
			copy(dh, next)
		}
	}
}

// close32 fails unless got is near want, relative to the largest.
func close32(t *testing.T, what string, got []float32, want []float64) {
	t.Helper()
	largest := 1.0
	for _, v := range want {
		largest = max(largest, math.Abs(v))
	}
	if len(got) != len(want) {
		t.Fatalf("%s: %d elements, want %d", what, len(got), len(want))
	}
	for i, v := range got {
		if !(math.Abs(float64(v)-want[i]) <= 3e-6*largest) {
			t.Fatalf("%s: element %d is %g, want %g", what, i, v, want[i])
		}
	}
}

// A recurrentCase holds guarded operands; grad ones are of the gradient.
type recurrentCase struct {
	op   map[string]guarded
	o    RecurrentOperands
	grad RecurrentGradOperands
}

// newRecurrentCase makes the operands: in[0] and in[1] in place of x and gates
// if the results go there.
func newRecurrentCase(r *rand.Rand, s RecurrentSpec, lengths []int64, inPlace bool) *recurrentCase {
	c := &recurrentCase{op: map[string]guarded{}}
	g, bias, n := s.Cell.gates(), s.Cell.biases()*s.D, s.B*s.T*s.D
	random := func(name string, n int, scale float32) []float32 {
		v := randomGuarded(r, n)
		for i := range v.s {
			v.s[i] *= scale
		}
		c.op[name] = v
		return v.s
	}
	result := func(name string, n int) []float32 {
		c.op[name] = newGuarded(n)
		return c.op[name].s
	}
	small := float32(1 / math.Sqrt(float64(s.D)))
	c.o = RecurrentOperands{Weight: random("weight", g*s.D*s.D, small), Bias: random("bias", bias, 1), H0: random("h0", s.B*s.D, 1), Lengths: lengths,
		X: random("x", g*n, 1), Prev: result("prev", n), Y: result("y", n), H: result("h", s.B*s.D)}
	c.grad = RecurrentGradOperands{Weight: c.o.Weight, Lengths: lengths, DY: random("dy", n, 1), DH: random("dh", s.B*s.D, 1),
		DBias: result("dbias", bias), DH0: result("dh0", s.B*s.D)}
	if s.Cell == LSTMCell || s.Cell == GRUCell {
		c.o.Gates, c.o.Tape = c.o.X, result("tape", n)
		if !inPlace {
			c.o.Gates = result("gates", g*n)
		}
		c.grad.Gates, c.grad.Tape = c.o.Gates, c.o.Tape
	} else {
		c.grad.Gates = c.o.Y
	}
	c.grad.DX = c.grad.Gates
	if !inPlace {
		c.grad.DX = result("dx", g*n)
	}
	switch s.Cell {
	case LSTMCell:
		c.o.C0, c.o.C = random("c0", s.B*s.D, 1), result("c", s.B*s.D)
		c.grad.DC, c.grad.DC0 = random("dc", s.B*s.D, 1), result("dc0", s.B*s.D)
	case GRUCell:
		c.grad.Prev, c.grad.DQ = c.o.Prev, result("dq", g*n)
	}
	return c
}

var recurrentSpecs = []struct{ b, t, d int }{
	{1, 1, 1}, {2, 3, 5}, {3, 4, 16}, {7, 2, 31}, {13, 3, 32}, {5, 4, 33}, {30, 2, 8}, {1, 5, 70}, {2, 2, 130}, {65, 2, 9}, {3, 2, 97}, {1, 3, 330},
}

// TestRecurrent compares steps and gradients with float64, several numbers of
// workers by bits, and results in place with others.
func TestRecurrent(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for i, size := range recurrentSpecs {
			for c := range Cell(4) {
				for _, reverse := range []bool{false, true} {
					for _, lengths := range []bool{false, true} {
						s := RecurrentSpec{c, size.b, size.t, size.d, reverse}
						testRecurrent(t, set, s, lengths, uint64(i))
					}
				}
			}
		}
	})
}

func testRecurrent(t *testing.T, set *Set, s RecurrentSpec, short bool, seed uint64) {
	t.Helper()
	what := fmt.Sprintf("%+v lengths %v", s, short)
	var lengths []int64
	if short {
		r := rand.New(rand.NewPCG(seed, 4))
		for range s.B {
			lengths = append(lengths, int64(r.IntN(s.T+2)))
		}
	}
	var first *recurrentCase
	for _, way := range []struct {
		workers int
		inPlace bool
	}{{1, false}, {2, true}, {3, false}, {7, false}} {
		c := newRecurrentCase(rand.New(rand.NewPCG(seed, 3)), s, lengths, way.inPlace)
		plan, grad := NewRecurrent(set, s, way.workers), NewRecurrentGrad(set, s, way.workers)
		scratch := make([]float32, max(plan.Scratch(), grad.Scratch()))
		for i := range scratch {
			scratch[i] = float32(math.NaN())
		}
		x := slices.Clone(c.o.X)
		runPhases(plan.Bind(c.o, scratch[:plan.Scratch()]), way.workers)
		gates := slices.Clone(c.grad.Gates)
		if first == nil {
			ref := &layer64{spec: s, lengths: lengths}
			ref.forward(c.o.Weight, c.o.Bias, c.o.H0, c.o.C0, x)
			close32(t, what+": prev", c.o.Prev, ref.prev)
			close32(t, what+": y", c.o.Y, ref.y)
			close32(t, what+": h", c.o.H, ref.h)
			close32(t, what+": c", c.o.C, ref.c)
			if c.o.Gates != nil {
				close32(t, what+": gates", c.o.Gates, ref.gates)
				close32(t, what+": tape", c.o.Tape, ref.tape)
			}
		}
		runPhases(grad.BindGrad(c.grad, scratch[:grad.Scratch()]), way.workers)
		if first == nil {
			ref := &layer64{spec: s, lengths: lengths}
			ref.backward(c.o.Weight, gates, c.o.Tape, c.o.Prev, c.grad.DY, c.grad.DH, c.grad.DC)
			close32(t, what+": dx", c.grad.DX, ref.dx)
			close32(t, what+": dbias", c.grad.DBias, ref.db)
			close32(t, what+": dh0", c.grad.DH0, ref.dh0)
			close32(t, what+": dc0", c.grad.DC0, ref.dc0)
			if s.Cell == GRUCell {
				close32(t, what+": dq", c.grad.DQ, ref.dq)
			}
			first = c
		}
		for name, v := range c.op {
			v.check(t, what+": "+name)
			if way.inPlace && (name == "x" || name == "y") {
				continue // overwritten
			}
			if !slices.EqualFunc(v.s, first.op[name].s, same) {
				t.Fatalf("%s: %d workers give other bits of %s", what, way.workers, name)
			}
		}
		if !slices.EqualFunc(c.grad.DX, first.grad.DX, same) {
			t.Fatalf("%s: in place, other bits", what)
		}
	}
}

// TestRecurrentUnwanted leaves out what a plan need not write.
func TestRecurrentUnwanted(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for cell := range Cell(4) {
			s := RecurrentSpec{cell, 5, 3, 37, false}
			lengths := []int64{3, 1, 2, 0, 3}
			full := newRecurrentCase(rand.New(rand.NewPCG(1, 2)), s, lengths, false)
			part := newRecurrentCase(rand.New(rand.NewPCG(1, 2)), s, lengths, false)
			part.o.Prev, part.o.Y, part.o.Gates, part.o.Tape = nil, nil, nil, nil
			part.grad.Gates, part.grad.Tape, part.grad.Prev = full.grad.Gates, full.grad.Tape, full.grad.Prev
			part.grad.DX, part.grad.DQ, part.grad.DBias = nil, nil, nil
			plan, grad := NewRecurrent(set, s, 2), NewRecurrentGrad(set, s, 2)
			for _, c := range []*recurrentCase{full, part} {
				runPhases(plan.Bind(c.o, make([]float32, plan.Scratch())), 2)
				runPhases(grad.BindGrad(c.grad, make([]float32, grad.Scratch())), 2)
			}
			for _, name := range []string{"h", "c", "dh0", "dc0"} {
				if !slices.EqualFunc(part.op[name].s, full.op[name].s, same) {
					t.Errorf("cell %d: other bits of %s", cell, name)
				}
			}
		}
	})
}

// A cellMemory is fenced memory for the operands of a cell of up to some units.
type cellMemory struct {
	units int
	names []string
	all   map[string][]float32
	row   map[string]func(r *cellRow) **float32
}

func newCellMemory(t *testing.T, units int, atStart bool) *cellMemory {
	m := &cellMemory{units: units, all: map[string][]float32{}, row: map[string]func(r *cellRow) **float32{
		"z": func(r *cellRow) **float32 { return &r.z }, "x": func(r *cellRow) **float32 { return &r.x },
		"bias": func(r *cellRow) **float32 { return &r.bias }, "gates": func(r *cellRow) **float32 { return &r.gates },
		"dx": func(r *cellRow) **float32 { return &r.dx }, "dq": func(r *cellRow) **float32 { return &r.dq },
		"db": func(r *cellRow) **float32 { return &r.db }, "state": func(r *cellRow) **float32 { return &r.state },
		"tape": func(r *cellRow) **float32 { return &r.tape }, "h": func(r *cellRow) **float32 { return &r.h },
		"y": func(r *cellRow) **float32 { return &r.y }, "dy": func(r *cellRow) **float32 { return &r.dy },
		"dh": func(r *cellRow) **float32 { return &r.dh }, "dc": func(r *cellRow) **float32 { return &r.dc },
		"tmp": func(r *cellRow) **float32 { return &r.tmp },
	}}
	for name := range m.row {
		m.names = append(m.names, name)
		m.all[name] = fenced[float32](t, 4*units, atStart)
	}
	slices.Sort(m.names)
	return m
}

// operand is the memory of one operand for a cell of n units.
func (m *cellMemory) operand(name string, c Cell, n int, atStart bool) []float32 {
	switch name {
	case "z", "x", "gates", "dx", "dq":
		n *= c.gates()
	case "bias", "db":
		n *= c.biases()
	}
	if atStart {
		return m.all[name][:n]
	}
	return m.all[name][4*m.units-n:]
}

// TestCellLengths runs cells of every number of units, with operands at the end
// and the beginning of a page, and compares with the portable composition.
func TestCellLengths(t *testing.T) {
	composed := genericVec
	composed.cells = cells{}
	for _, atStart := range []bool{false, true} {
		m := newCellMemory(t, 130, atStart)
		eachSet(t, func(t *testing.T, set *Set) {
			r := rand.New(rand.NewPCG(5, 6))
			for n := 1; n <= 130; n++ {
				for c := range Cell(4) {
					for _, backward := range []bool{false, true} {
						m.compare(t, set, &composed, r, c, n, atStart, backward)
					}
				}
			}
		})
	}
}

func (m *cellMemory) compare(t *testing.T, set *Set, composed *Vec, r *rand.Rand, c Cell, n int, atStart, backward bool) {
	t.Helper()
	a, b := cellRow{n: n, stride: n * floatBytes}, cellRow{n: n, stride: n * floatBytes}
	copies := map[string][]float32{}
	for _, name := range m.names {
		v := m.operand(name, c, n, atStart)
		for i := range v {
			v[i] = float32(r.NormFloat64())
			if name == "gates" {
				v[i] = float32(sigmoid64(float64(v[i])))
			}
		}
		w := slices.Clone(v)
		copies[name] = w
		*m.row[name](&a), *m.row[name](&b) = &v[0], &w[0]
	}
	if backward {
		set.Vec.cellBackward(c, &a)
		composed.cellBackward(c, &b)
	} else {
		set.Vec.cellForward(c, &a)
		composed.cellForward(c, &b)
	}
	for _, name := range m.names {
		if name == "tmp" || name == "z" && !backward {
			continue
		}
		w := copies[name]
		for i, v := range m.operand(name, c, n, atStart) {
			if !(math.Abs(float64(v-w[i])) <= 2e-6*(1+math.Abs(float64(w[i])))) {
				t.Fatalf("cell %d, %d units, backward %v: element %d of %s is %g, composed %g", c, n, backward, i, name, v, w[i])
			}
		}
	}
}

// TestCellEdges gives an LSTM gates far from 0: they end at 0, 1 and -1, never
// beyond, and a NaN stays one.
func TestCellEdges(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for _, x := range []float64{0, 1e-30, 1e-3, 7.9, 8.05, 8.2, 9, 30, 85, 90, 1000, 3e38, math.Inf(1), math.NaN()} {
			for _, x := range []float64{x, -x} {
				const n = 20
				m := align(make([]float32, 20*n+alignment))
				at := func(k int) *float32 { return &m[k*n] }
				r := &cellRow{n: n, stride: n * floatBytes, z: at(0), x: at(4), bias: at(8), gates: at(12), state: at(16), tape: at(17), h: at(18), y: at(19)}
				for i := range 4 * n {
					m[i] = float32(x)
				}
				set.Vec.cellForward(LSTMCell, r)
				for k := range 4 {
					want, low := sigmoid64(x), 0.0
					if k == 2 {
						want, low = math.Tanh(x), -1
					}
					for _, v := range r.part(r.gates, k) {
						got := float64(v)
						if math.IsNaN(x) != math.IsNaN(got) || !math.IsNaN(x) && !(math.Abs(got-want) <= 6e-7*math.Abs(want)+2e-38 && got >= low && got <= 1) {
							t.Fatalf("gate %d of %g is %g, want %g", k, x, got, want)
						}
					}
				}
			}
		}
	})
}

// TestCellPieces takes more units than one call into assembly does.
func TestCellPieces(t *testing.T) {
	composed := genericVec
	composed.cells = cells{}
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(7, 8))
		m := newCellMemory(t, 2*maxUnits+5, false)
		for c := range Cell(4) {
			for _, backward := range []bool{false, true} {
				m.compare(t, set, &composed, r, c, 2*maxUnits+5, false, backward)
			}
		}
	})
}

// TestRecurrentAllocates shows that running a plan allocates nothing.
func TestRecurrentAllocates(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		for cell := range Cell(4) {
			for _, b := range []int{1, 9} {
				s := RecurrentSpec{cell, b, 3, 200, false}
				c := newRecurrentCase(rand.New(rand.NewPCG(1, 2)), s, nil, false)
				plan, grad := NewRecurrent(set, s, 2), NewRecurrentGrad(set, s, 2)
				forward := plan.Bind(c.o, make([]float32, plan.Scratch()))
				backward := grad.BindGrad(c.grad, make([]float32, grad.Scratch()))
				if n := testing.AllocsPerRun(5, func() {
					runPhases(forward, 1)
					runPhases(backward, 1)
				}); n != 0 {
					t.Errorf("cell %d, %d samples: %v allocations", cell, b, n)
				}
			}
		}
	})
}

func BenchmarkRecurrent(b *testing.B) {
	for _, set := range Sets() {
		if !set.Available || set.Name == "generic" {
			continue
		}
		for cell, name := range map[Cell]string{LSTMCell: "lstm", GRUCell: "gru"} {
			s := RecurrentSpec{cell, 32, 64, 256, false}
			c := newRecurrentCase(rand.New(rand.NewPCG(1, 2)), s, nil, false)
			plan, grad := NewRecurrent(set, s, 1), NewRecurrentGrad(set, s, 1)
			forward := plan.Bind(c.o, make([]float32, plan.Scratch()))
			backward := grad.BindGrad(c.grad, make([]float32, grad.Scratch()))
			runPhases(forward, 1)
			for way, phases := range map[string][]Phase{"forward": forward, "backward": backward} {
				b.Run(set.Name+"/"+name+"/"+way, func(b *testing.B) {
					for b.Loop() {
						runPhases(phases, 1)
					}
					flops := 2 * float64(cell.gates()) * float64(s.B*s.T*s.D*s.D)
					b.ReportMetric(flops*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
				})
			}
		}
	}
}
