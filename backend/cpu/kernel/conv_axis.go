package kernel

// An axis is one dimension of a correlation: each result coordinate gathers
// from some coordinates of the source, by taps. Taps are numbered in the order
// in which the weights are packed, ascending in the source.
type axis struct {
	source, result int // sizes
	taps           int
	// tapStep is the distance in the source between consecutive taps of one
	// result.
	tapStep int
	// order gives the number of each tap of the kernel.
	order []int
	lines []line
}

// A line is a run of results, result + i*resultStep for i < count, that use
// the same taps: from number tap on, taps of them. Tap number tap+j of result
// i reads the source at source + i*sourceStep + j*tapStep, if that exists.
type line struct {
	result, resultStep, count int
	source, sourceStep        int
	tap, taps                 int
}

func forwardAxis(in, out, kernel, stride, pad, dilation int) axis {
	a := axis{source: in, result: out, taps: kernel, tapStep: dilation}
	for k := range kernel {
		a.order = append(a.order, k)
	}
	if out > 0 {
		a.lines = []line{{0, 1, out, -pad, stride, 0, kernel}}
	}
	return a
}

// inputAxis is the axis of the gradient by the input: result coordinate i
// gathers from o = (i + pad - k*dilation)/stride for the taps k that divide.
// Results of one residue of i+pad share their taps.
func inputAxis(in, out, kernel, stride, pad, dilation int) axis {
	a := axis{source: out, result: in, taps: kernel, tapStep: dilation / gcd(stride, dilation)}
	a.order = make([]int, kernel)
	next := 0
	for r := range stride {
		l := line{resultStep: stride, sourceStep: 1, tap: next}
		// The last tap reads the first source.
		last := 0
		for k := kernel - 1; k >= 0; k-- {
			if k*dilation%stride == r {
				if l.taps == 0 {
					last = k
				}
				a.order[k] = next
				next++
				l.taps++
			}
		}
		l.result = ((r-pad)%stride + stride) % stride
		if l.result >= in {
			continue
		}
		l.count = (in-1-l.result)/stride + 1
		l.source = (l.result + pad - last*dilation) / stride // exact
		a.lines = append(a.lines, l)
	}
	return a
}

// clip returns the taps, counted within the line, that meet the source from
// any of the results i0 to i1.
func (a *axis) clip(l *line, i0, i1 int) (lo, hi int) {
	first, last := l.source+i0*l.sourceStep, l.source+(i1-1)*l.sourceStep
	for lo < l.taps && last+lo*a.tapStep < 0 {
		lo++
	}
	hi = l.taps
	for hi > lo && first+(hi-1)*a.tapStep >= a.source {
		hi--
	}
	return lo, hi
}

// A span is the taps of one result that meet the source: taps of them from
// number tap on, the first of which reads source.
type span struct{ tap, taps, source int }

// spans returns the span of every result.
func (a *axis) spans() []span {
	all := make([]span, a.result)
	for _, l := range a.lines {
		for i := range l.count {
			lo, hi := a.clip(&l, i, i+1)
			all[l.result+i*l.resultStep] = span{l.tap + lo, hi - lo, l.source + i*l.sourceStep + lo*a.tapStep}
		}
	}
	return all
}

// A strip is reps blocks of m neighbouring results of a line, with the taps
// that meet the source from any of them.
type strip struct {
	m, reps            int
	result, resultStep int
	source, sourceStep int // source of the first tap of the first result
	tap, taps          int
}

// strips cuts every line into blocks of at most rows results. Shorter blocks
// skip more taps that see only padding, longer ones use the registers better.
func (a *axis) strips(rows int) []strip {
	var all []strip
	for _, l := range a.lines {
		best, blocks := 0.0, 0
		for n := ceil(l.count, rows); n <= 2*ceil(l.count, rows); n++ {
			cost := 0.0
			for b := range n {
				i0, i1 := evenCut(l.count, n, b)
				lo, hi := a.clip(&l, i0, i1)
				// A step of fewer than four rows waits for the adders.
				cost += (float64(max(i1-i0, 4)) + 0.5) * float64(hi-lo)
			}
			if blocks == 0 || cost < best {
				best, blocks = cost, n
			}
		}
		for b := range blocks {
			i0, i1 := evenCut(l.count, blocks, b)
			lo, hi := a.clip(&l, i0, i1)
			s := strip{
				m: i1 - i0, reps: 1, result: l.result + i0*l.resultStep, resultStep: l.resultStep,
				source: l.source + i0*l.sourceStep + lo*a.tapStep, sourceStep: l.sourceStep, tap: l.tap + lo, taps: hi - lo,
			}
			if b > 0 {
				p := &all[len(all)-1]
				if p.m == s.m && p.tap == s.tap && p.taps == s.taps {
					p.reps++
					continue
				}
			}
			all = append(all, s)
		}
	}
	return all
}

// evenCut returns part b of n parts of count, the larger parts first.
func evenCut(count, n, b int) (lo, hi int) {
	size, more := count/n, count%n
	lo = b*size + min(b, more)
	hi = lo + size
	if b < more {
		hi++
	}
	return lo, hi
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
