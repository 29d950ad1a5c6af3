package neon

import "fmt"

// A register is one of a function, of a number to be found.
type register struct {
	vector bool
	number int
}

// An R is a general register of 64 bits.
type R struct{ *register }

// A V is a vector register.
type V struct{ *register }

// R returns a new general register.
func (f *Func) R() R { return R{&register{number: -1}} }

// V returns a new vector register.
func (f *Func) V() V { return V{&register{vector: true, number: -1}} }

func (r R) String() string { return fmt.Sprintf("R%d", r.number) }

// The registers to give away. R18 belongs to the platform, R26 to R28 to Go
// (closure, assembler, goroutine), R16 and R17 to the linker, and the last
// two are frame pointer and link.
var (
	generals = []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 19, 20, 21, 22, 23, 24, 25}
	vectors  = func() (v []int) {
		for i := range 32 {
			v = append(v, i)
		}
		return v
	}()
)

type set map[*register]bool

// allocate numbers the registers so that two that are in use at one time have
// different numbers: each, in order of appearance, gets the lowest number that
// is free, or that of the register it is a copy of. It panics if there are too
// few, or if one is used that was not set.
func allocate(name string, code []instruction) {
	after := live(name, code)
	near := map[*register]set{}
	meet := func(a, b *register) {
		if a != b && a.vector == b.vector {
			if near[a] == nil {
				near[a] = set{}
			}
			if near[b] == nil {
				near[b] = set{}
			}
			near[a][b], near[b][a] = true, true
		}
	}
	for i, in := range code {
		for k, w := range in.writes {
			for r := range after[i] {
				meet(w, r)
			}
			for _, other := range in.writes[:k] {
				meet(w, other)
			}
		}
	}
	for _, in := range code {
		for _, w := range in.writes {
			if w.number >= 0 {
				continue
			}
			used := map[int]bool{}
			for r := range near[w] {
				used[r.number] = true
			}
			if in.move && !used[in.reads[0].number] {
				w.number = in.reads[0].number
				continue
			}
			pool := generals
			if w.vector {
				pool = vectors
			}
			for _, n := range pool {
				if !used[n] {
					w.number = n
					break
				}
			}
			if w.number < 0 {
				panic("neon: " + name + ": too few registers")
			}
		}
	}
}

// live returns for every instruction the registers whose values are read
// after it.
func live(name string, code []instruction) []set {
	labels := map[string]int{}
	for i, in := range code {
		if in.label != "" {
			if _, ok := labels[in.label]; ok {
				panic("neon: " + name + ": label twice: " + in.label)
			}
			labels[in.label] = i
		}
	}
	before, after := make([]set, len(code)+1), make([]set, len(code))
	for i := range before {
		before[i] = set{}
	}
	for i := range after {
		after[i] = set{}
	}
	for changed := true; changed; {
		changed = false
		for i := len(code) - 1; i >= 0; i-- {
			in := code[i]
			size := len(before[i])
			if !in.ends {
				for r := range before[i+1] {
					after[i][r] = true
				}
			}
			if in.target != "" {
				to, ok := labels[in.target]
				if !ok {
					panic("neon: " + name + ": no label " + in.target)
				}
				for r := range before[to] {
					after[i][r] = true
				}
			}
			written := set{}
			for _, w := range in.writes {
				written[w] = true
			}
			for r := range after[i] {
				if !written[r] {
					before[i][r] = true
				}
			}
			for _, r := range in.reads {
				before[i][r] = true
			}
			changed = changed || len(before[i]) != size
		}
	}
	if len(before[0]) > 0 {
		panic("neon: " + name + ": a register is read before it is set")
	}
	return after
}
