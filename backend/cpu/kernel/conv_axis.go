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
// that meet the source from any of them. With acc 1 it adds to what earlier
// strips made of these results.
type strip struct {
	m, reps            int
	result, resultStep int
	source, sourceStep int // source of the first tap of the first result
	tap, taps          int
	acc                int
}

// strips cuts every line into blocks of at most rows results. Shorter blocks
// skip more taps that see only padding, longer ones use the registers better.
// Where padding is much of what the taps see, each tap has strips of its own,
// of just the results for which it meets the source; steps, the length of the
// sum of one tap, tells what it costs to fetch and store a result again.
func (a *axis) strips(rows, steps int) []strip {
	var all []strip
	for i := range a.lines {
		l := &a.lines[i]
		joint, cost := a.jointStrips(l, rows)
		each, eachCost := a.tapStrips(l, rows, steps)
		if eachCost < 0.95*cost {
			all = append(all, each...)
		} else {
			all = append(all, joint...)
		}
	}
	return all
}

// stepCost is the time of one step of m rows in that of a row: fewer than
// four rows wait for the adders.
func stepCost(m int) float64 { return float64(max(m, 4)) + 0.5 }

// jointStrips cuts a line into blocks that each take all their taps at once.
func (a *axis) jointStrips(l *line, rows int) (strips []strip, cost float64) {
	blocks := 0
	least := ceil(l.count, rows)
	for n := least; n <= 2*least; n++ {
		c := 0.0
		for b := range n {
			i0, i1 := evenCut(l.count, n, b)
			lo, hi := a.clip(l, i0, i1)
			c += stepCost(i1-i0) * float64(hi-lo)
		}
		if blocks == 0 || c < cost {
			cost, blocks = c, n
		}
	}
	for b := range blocks {
		i0, i1 := evenCut(l.count, blocks, b)
		lo, hi := a.clip(l, i0, i1)
		strips = a.appendStrip(strips, l, i0, i1, lo, hi, 0)
	}
	return strips, cost
}

// tapStrips clears a line and then adds one tap after the other.
func (a *axis) tapStrips(l *line, rows, steps int) (strips []strip, cost float64) {
	for i := 0; i < l.count; i += rows {
		strips = a.appendStrip(strips, l, i, min(i+rows, l.count), 0, 0, 0)
	}
	for tap := range l.taps {
		first := 0
		for first < l.count && l.source+first*l.sourceStep+tap*a.tapStep < 0 {
			first++
		}
		last := l.count
		for last > first && l.source+(last-1)*l.sourceStep+tap*a.tapStep >= a.source {
			last--
		}
		n := ceil(last-first, rows)
		for b := range n {
			i0, i1 := evenCut(last-first, n, b)
			strips = a.appendStrip(strips, l, first+i0, first+i1, tap, tap+1, 1)
			// A result is loaded and stored again, and the call costs as well.
			cost += stepCost(i1-i0) + float64(3*(i1-i0)+10)/float64(steps)
		}
	}
	return strips, cost
}

// appendStrip appends results i0 to i1 of a line with taps lo to hi of it, to
// the last strip if they go on like it.
func (a *axis) appendStrip(all []strip, l *line, i0, i1, lo, hi, acc int) []strip {
	s := strip{
		m: i1 - i0, reps: 1, result: l.result + i0*l.resultStep, resultStep: l.resultStep,
		source: l.source + i0*l.sourceStep + lo*a.tapStep, sourceStep: l.sourceStep,
		tap: l.tap + lo, taps: hi - lo, acc: acc,
	}
	if len(all) > 0 {
		p := &all[len(all)-1]
		next := p.result + p.m*p.reps*p.resultStep
		if p.m == s.m && p.tap == s.tap && p.taps == s.taps && p.acc == acc && next == s.result {
			p.reps++
			return all
		}
	}
	return append(all, s)
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
