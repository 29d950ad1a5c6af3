package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// Einsum multiplies tensors and sums over axes, as an equation such as
// "bik,bkj->bij" says: a letter names an axis of each operand that has it, and
// the result is
//
//	y[letters behind the arrow] = sum over all other letters of the product
//	                              of the operands at their letters
//
// Letters are a-z and A-Z; a letter twice in one operand takes the diagonal.
// "..." stands for any number of axes that broadcast. Without an arrow the
// result has the axes of "..." and then the letters that occur once, in the
// order of A-Z, a-z. Extents of one letter must agree, or be 1. Spaces are
// skipped.
//
// Products of more than two operands are taken in pairs, in the order that
// needs the fewest multiplications, of up to six operands; of more, the
// cheapest pair comes first. The order depends on the equation and the shapes
// alone. Sums of integers wrap around.
//
// Source: torch.einsum, which takes pairs from left to right unless opt_einsum
// is installed.
func Einsum(equation string, xs ...*ir.Value) *ir.Value {
	if xs[0].Graph().Err() != nil {
		return standIn(xs[0])
	}
	e := einsum{equation: equation, extent: map[label]int{}}
	if err := e.parse(xs); err != nil {
		return fail("einsum", err, xs...)
	}
	terms := make([]term, len(xs))
	for i, x := range xs {
		terms[i] = e.term(x, e.in[i])
	}
	for i := range terms { // axes that nobody else has
		terms[i] = e.summed(terms[i], e.wanted(terms, i))
	}
	for len(terms) > 1 {
		i, j := e.cheapest(terms)
		z := e.pair(terms[i], terms[j], e.wanted(terms, i, j))
		terms = append(slices.Delete(slices.Delete(terms, j, j+1), i, i+1), z)
	}
	z := terms[0]
	perm := make([]int, len(e.out))
	for i, l := range e.out {
		perm[i] = slices.Index(z.labels, l)
	}
	return Transpose(z.x, perm...)
}

// A label names an axis: a letter, or -1, -2, ... for the axes of "...",
// counted from the last.
type label rune

// A term is a tensor with the label of each axis.
type term struct {
	x      *ir.Value
	labels []label
}

type einsum struct {
	equation string
	in       [][]label
	out      []label
	extent   map[label]int
}

// wrong describes a mistake and marks the place in the equation.
func (e *einsum) wrong(at, length int, format string, args ...any) error {
	marked := e.equation[:at] + "[" + e.equation[at:at+length] + "]" + e.equation[at+length:]
	return fmt.Errorf(format+", in %q", append(args, marked)...)
}

// A mark is a letter or "..." with its place in the equation.
type mark struct {
	letter label // 0 for "..."
	at     int
}

// marks reads the part of the equation from lo to hi, which has no comma.
func (e *einsum) marks(lo, hi int) (list []mark, err error) {
	dots := false
	for i := lo; i < hi; i++ {
		switch c := e.equation[i]; {
		case c == ' ':
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
			list = append(list, mark{label(c), i})
		case strings.HasPrefix(e.equation[i:hi], "...") && !dots:
			list, dots = append(list, mark{0, i}), true
			i += 2
		default:
			return nil, e.wrong(i, 1, "wants letters and at most one ... an operand")
		}
	}
	return list, nil
}

func (e *einsum) parse(xs []*ir.Value) error {
	left, explicit := len(e.equation), false
	if i := strings.Index(e.equation, "->"); i >= 0 {
		left, explicit = i, true
	}
	lo, n, dots := 0, 0, 0 // dots: axes of "..." in the result
	seen := map[label]int{}
	for i := 0; i <= left; i++ {
		if i < left && e.equation[i] != ',' {
			continue
		}
		marks, err := e.marks(lo, i)
		if err != nil {
			return err
		}
		if n == len(xs) {
			return e.wrong(lo, i-lo, "names more operands than the %d that there are", len(xs))
		}
		labels, err := e.operand(n, xs[n], marks, lo, i)
		if err != nil {
			return err
		}
		for _, l := range labels {
			dots = max(dots, -int(l))
			seen[l]++
		}
		e.in = append(e.in, labels)
		lo, n = i+1, n+1
	}
	if n < len(xs) {
		return e.wrong(0, left, "names %d operands, there are %d", n, len(xs))
	}
	var all []label
	for k := dots; k > 0; k-- {
		all = append(all, label(-k))
	}
	if !explicit {
		e.out = all
		for c := label('A'); c <= 'z'; c++ {
			if seen[c] == 1 {
				e.out = append(e.out, c)
			}
		}
	} else {
		marks, err := e.marks(left+2, len(e.equation))
		if err != nil {
			return err
		}
		for _, m := range marks {
			switch {
			case m.letter == 0:
				e.out = append(e.out, all...)
			case slices.Contains(e.out, m.letter):
				return e.wrong(m.at, 1, "the result has the axis %c twice", m.letter)
			case seen[m.letter] == 0:
				return e.wrong(m.at, 1, "no operand has the axis %c", m.letter)
			default:
				e.out = append(e.out, m.letter)
			}
		}
	}
	if len(e.out) > shape.MaxRank {
		return fmt.Errorf("the result has %d axes, at most %d are supported", len(e.out), shape.MaxRank)
	}
	return nil
}

// operand labels the axes of operand n and notes their extents.
func (e *einsum) operand(n int, x *ir.Value, marks []mark, lo, hi int) (labels []label, err error) {
	letters, dots := 0, false
	for _, m := range marks {
		if m.letter == 0 {
			dots = true
		} else {
			letters++
		}
	}
	if letters > x.Rank() || !dots && letters < x.Rank() {
		return nil, e.wrong(lo, hi-lo, "operand %d has %d axes, the equation names %d", n, x.Rank(), letters)
	}
	for _, m := range marks {
		if m.letter == 0 {
			for k := x.Rank() - letters; k > 0; k-- {
				if err := e.size(label(-k), x.Dim(len(labels)), n, m.at, 3, labels, x); err != nil {
					return nil, err
				}
				labels = append(labels, label(-k))
			}
			continue
		}
		if err := e.size(m.letter, x.Dim(len(labels)), n, m.at, 1, labels, x); err != nil {
			return nil, err
		}
		labels = append(labels, m.letter)
	}
	return labels, nil
}

// size notes that an axis has d elements. Within one operand extents must be
// equal, among operands 1 stretches.
func (e *einsum) size(l label, d, n, at, length int, before []label, x *ir.Value) error {
	if i := slices.Index(before, l); i >= 0 && x.Dim(i) != d {
		return e.wrong(at, length, "a diagonal of operand %d has axes of %d and %d elements", n, x.Dim(i), d)
	}
	old, known := e.extent[l]
	if known && old != d && old != 1 && d != 1 {
		return e.wrong(at, length, "an axis of operand %d has %d elements, before it had %d", n, d, old)
	}
	if !known || old == 1 {
		e.extent[l] = d
	}
	return nil
}

// term takes diagonals and drops axes of extent 1 that others stretch.
func (e *einsum) term(x *ir.Value, labels []label) term {
	t := term{x, slices.Clone(labels)}
	for i := 0; i < len(t.labels); i++ {
		l := t.labels[i]
		for j := slices.Index(t.labels[i+1:], l); j >= 0; j = slices.Index(t.labels[i+1:], l) {
			t.x = MoveAxis(Diagonal(t.x, 0, i, i+1+j), -1, i)
			t.labels = slices.Delete(t.labels, i+1+j, i+2+j)
		}
		if t.x.Dim(i) != e.extent[l] {
			t.x = Squeeze(t.x, i)
			t.labels = slices.Delete(t.labels, i, i+1)
			i--
		}
	}
	return t
}

// wanted are the labels that the result or terms other than those named have.
func (e *einsum) wanted(terms []term, but ...int) func(label) bool {
	return func(l label) bool {
		for i, t := range terms {
			if !slices.Contains(but, i) && slices.Contains(t.labels, l) {
				return true
			}
		}
		return slices.Contains(e.out, l)
	}
}

// summed sums over the axes that are not wanted.
func (e *einsum) summed(t term, wanted func(label) bool) term {
	var axes []int
	var left []label
	for i, l := range t.labels {
		if wanted(l) {
			left = append(left, l)
		} else {
			axes = append(axes, i)
		}
	}
	if len(axes) == 0 {
		return t
	}
	return term{Sum(t.x, axes...), left}
}

// pair multiplies two terms and sums over what is not wanted any more.
func (e *einsum) pair(a, b term, wanted func(label) bool) term {
	var s DotSpec
	var batch, freeA, freeB []label
	for i, l := range a.labels {
		switch j := slices.Index(b.labels, l); {
		case j < 0:
			freeA = append(freeA, l)
		case wanted(l):
			batch = append(batch, l)
			s.XBatch, s.YBatch = append(s.XBatch, i), append(s.YBatch, j)
		default:
			s.XContract, s.YContract = append(s.XContract, i), append(s.YContract, j)
		}
	}
	for _, l := range b.labels {
		if !slices.Contains(a.labels, l) {
			freeB = append(freeB, l)
		}
	}
	if len(s.XContract) > 0 && len(freeA)+len(freeB) > 0 {
		return term{DotGeneral(a.x, b.x, s), slices.Concat(batch, freeA, freeB)}
	}
	// Element by element, perhaps summed: no matrices to multiply.
	all := slices.Concat(a.labels, freeB)
	return e.summed(term{Mul(aligned(a, all), aligned(b, all)), all}, wanted)
}

// aligned gives a term axes of extent 1 for the labels that it lacks.
func aligned(t term, all []label) *ir.Value {
	var perm []int
	dims := make([]int, len(all))
	for i, l := range all {
		dims[i] = 1
		if a := slices.Index(t.labels, l); a >= 0 {
			perm = append(perm, a)
			dims[i] = t.x.Dim(a)
		}
	}
	return Reshape(Transpose(t.x, perm...), dims...)
}

// exhaustive is the number of terms up to which all orders are tried.
const exhaustive = 6

// cheapest picks the pair to multiply next.
func (e *einsum) cheapest(terms []term) (first, second int) {
	labels := make([][]label, len(terms))
	for i, t := range terms {
		labels[i] = t.labels
	}
	_, first, second = e.plan(labels)
	return first, second
}

// plan gives the least number of multiplications, and the pair to begin with.
func (e *einsum) plan(terms [][]label) (cost float64, first, second int) {
	for i := range terms {
		for j := i + 1; j < len(terms); j++ {
			c, left := 1.0, []label(nil)
			for _, l := range union(terms[i], terms[j]) {
				c *= float64(max(e.extent[l], 1))
				needed := slices.Contains(e.out, l)
				for k, t := range terms {
					needed = needed || k != i && k != j && slices.Contains(t, l)
				}
				if needed {
					left = append(left, l)
				}
			}
			if n := len(terms); n > 2 && n <= exhaustive {
				rest := append(slices.Delete(slices.Delete(slices.Clone(terms), j, j+1), i, i+1), left)
				more, _, _ := e.plan(rest)
				c += more
			}
			if second == 0 || c < cost {
				cost, first, second = c, i, j
			}
		}
	}
	return cost, first, second
}

func union(a, b []label) []label {
	out := slices.Clone(a)
	for _, l := range b {
		if !slices.Contains(a, l) {
			out = append(out, l)
		}
	}
	return out
}
