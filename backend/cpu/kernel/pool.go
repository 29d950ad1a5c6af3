package kernel

import "unsafe"

// A PoolSpec describes pooling windows over images with channels last:
// x [N, In0, In1, In2, C] to y [N, Out0, Out1, Out2, C]. Images of lower rank
// have leading sizes of 1 (Window, Stride and Dilation 1, padding 0).
//
// Element w of a window at output o lies at input o*Stride - PadLo + w*Dilation;
// outside the input it is padding. The sizes Out may be any: windows that
// reach beyond the padding hold fewer elements.
type PoolSpec struct {
	N, C                                            int
	In, Out, Window, Stride, PadLo, PadHi, Dilation [3]int
}

// A poolPair says that a position meets position other through window element tap.
type poolPair struct{ other, tap int }

// A poolRun is a sequence of count positions of the last dimension: first,
// first+step, ...; they have the same taps, and their others advance together.
type poolRun struct {
	first, step, count, advance int
	pairs                       []poolPair // of the first position, in order of taps
}

// A poolPlan lists for each position of one side, output or input, what it
// meets on the other side.
type poolPlan struct {
	size, other [3]int // extents of this and of the other side
	window      [3]int
	channels    int
	images      int
	pairs       [2][][]poolPair // of the positions of the first two dimensions
	runs        []poolRun
	rowsChunk   int       // rows a chunk
	offsets     [][]int   // [worker] list in use: offsets on the other side, in elements
	taps        [][]int32 // [worker] the taps that belong to them, row-major in the window
}

// outputPairs lists by output the inputs in its window.
func (s *PoolSpec) outputPairs(dim int) [][]poolPair {
	list := make([][]poolPair, s.Out[dim])
	for o := range list {
		for w := range s.Window[dim] {
			if i := o*s.Stride[dim] - s.PadLo[dim] + w*s.Dilation[dim]; i >= 0 && i < s.In[dim] {
				list[o] = append(list[o], poolPair{i, w})
			}
		}
	}
	return list
}

// inputPairs lists by input the outputs whose windows hold it.
func (s *PoolSpec) inputPairs(dim int) [][]poolPair {
	list := make([][]poolPair, s.In[dim])
	for o, pairs := range s.outputPairs(dim) {
		for _, p := range pairs {
			list[p.other] = append(list[p.other], poolPair{o, p.tap})
		}
	}
	// Taps fall as outputs rise.
	for _, pairs := range list {
		for i, j := 0, len(pairs)-1; i < j; i, j = i+1, j-1 {
			pairs[i], pairs[j] = pairs[j], pairs[i]
		}
	}
	return list
}

// poolRuns joins positions step apart whose pairs differ by advance.
func poolRuns(list [][]poolPair, step, advance int) (runs []poolRun) {
	follows := func(next, last []poolPair) bool {
		if len(next) != len(last) {
			return false
		}
		for i, p := range next {
			if p.tap != last[i].tap || p.other != last[i].other+advance {
				return false
			}
		}
		return true
	}
	for phase := 0; phase < step && phase < len(list); phase++ {
		for i := phase; i < len(list); {
			r := poolRun{first: i, step: step, count: 1, advance: advance, pairs: list[i]}
			for i += step; i < len(list) && follows(list[i], list[i-step]); i += step {
				r.count++
			}
			runs = append(runs, r)
		}
	}
	return runs
}

// newPoolPlan plans over outputs, or over inputs.
func newPoolPlan(s *PoolSpec, overInputs bool, workers int) *poolPlan {
	p := &poolPlan{size: s.Out, other: s.In, window: s.Window, channels: s.C, images: s.N}
	pairs, step, advance := s.outputPairs, 1, s.Stride[2]
	if overInputs {
		p.size, p.other = s.In, s.Out
		pairs, step, advance = s.inputPairs, s.Stride[2], 1
	}
	p.pairs = [2][][]poolPair{pairs(0), pairs(1)}
	p.runs = poolRuns(pairs(2), step, advance)
	taps := s.Window[0] * s.Window[1] * s.Window[2]
	rowWork := s.C * s.Out[2] * taps
	p.rowsChunk = max(1, chunkLen/max(rowWork, 1))
	for range workers {
		p.offsets = append(p.offsets, make([]int, taps))
		p.taps = append(p.taps, make([]int32, taps))
	}
	return p
}

// rows is the number of rows of this side.
func (p *poolPlan) rows() int {
	if p.channels == 0 {
		return 0
	}
	return p.images * p.size[0] * p.size[1]
}

func (p *poolPlan) chunks() int { return (p.rows() + p.rowsChunk - 1) / p.rowsChunk }

// phase runs f for every row.
func (p *poolPlan) phase(f func(worker, row int)) Phase {
	rows := p.rows()
	return Phase{Chunks: p.chunks(), Run: func(worker, chunk int) {
		for row := chunk * p.rowsChunk; row < min((chunk+1)*p.rowsChunk, rows); row++ {
			f(worker, row)
		}
	}}
}

// runPhase runs f for every run of every row; see row.
func (p *poolPlan) runPhase(f func(r *poolRun, base int, offsets []int, taps []int32)) Phase {
	return p.phase(func(worker, row int) { p.row(worker, row, f) })
}

// row runs f for every run of a row: base is the element of the run's first
// position on this side; offsets and taps describe what it meets. Consecutive
// positions are step*channels elements apart on this side and advance*channels
// on the other.
func (p *poolPlan) row(worker, row int, f func(r *poolRun, base int, offsets []int, taps []int32)) {
	i1 := row % p.size[1]
	i0 := row / p.size[1] % p.size[0]
	image := row / (p.size[1] * p.size[0])
	for k := range p.runs {
		r := &p.runs[k]
		n := 0
		offsets, taps := p.offsets[worker], p.taps[worker]
		for _, a := range p.pairs[0][i0] {
			for _, b := range p.pairs[1][i1] {
				line := ((image*p.other[0]+a.other)*p.other[1] + b.other) * p.other[2]
				tap := (a.tap*p.window[1] + b.tap) * p.window[2]
				for _, c := range r.pairs {
					offsets[n] = (line + c.other) * p.channels
					taps[n] = int32(tap + c.tap)
					n++
				}
			}
		}
		f(r, (row*p.size[2]+r.first)*p.channels, offsets[:n], taps[:n])
	}
}

// shortCalls calls f once for all pixels and channels of a run, or, where that
// would keep the assembly busy for too long, for pieces of single pixels.
func shortCalls(count, channels, taps int, f func(pixel, pixels, ch, channels int)) {
	const most, slice = 1 << 18, 64
	if count*channels*taps <= most {
		f(0, count, 0, channels)
		return
	}
	for p := range count {
		for ch := 0; ch < channels; ch += slice {
			f(p, 1, ch, min(slice, channels-ch))
		}
	}
}

// A MaxPool plans the largest element of windows.
type MaxPool struct {
	v        *Vec
	spec     PoolSpec
	forward  *poolPlan
	backward *poolPlan
}

// NewMaxPool plans for that many workers.
func NewMaxPool(set *Set, spec PoolSpec, workers int) *MaxPool {
	return &MaxPool{v: &set.Vec, spec: spec, forward: newPoolPlan(&spec, false, workers), backward: newPoolPlan(&spec, true, workers)}
}

// Bind sets y to the largest element of each window and index to its place in
// the window, row-major over the three dimensions. The first of equal elements
// wins; a NaN wins over all numbers, the last of several, as in PyTorch. A
// window of nothing but padding gives -Inf and index 0. index may be nil.
func (m *MaxPool) Bind(y []float32, index []int32, x []float32) []Phase {
	c := m.spec.C
	return []Phase{m.forward.runPhase(func(r *poolRun, base int, offsets []int, taps []int32) {
		n := r.count * c
		out := y[base : base+n]
		if len(offsets) == 0 {
			m.v.Run(Fill, out, nil, nil, nil, negInf, 0)
			if index != nil {
				clear(index[base : base+n])
			}
			return
		}
		last := offsets[len(offsets)-1] + ((r.count-1)*r.advance+1)*c
		px := unsafe.SliceData(x[:last])
		shortCalls(r.count, c, len(offsets), func(pixel, pixels, ch, channels int) {
			at := pixel*c + ch
			var p *int32
			if index != nil {
				p = &index[base+at]
			}
			m.v.maxPool(channels, pixels, r.advance*c, len(offsets), &offsets[0], &taps[0],
				elem(px, pixel*r.advance*c+ch), &out[at], p)
		})
	})}
}

// BindGrad sets dx to the gradient of x: each element of dy goes to the element
// of x that index, from [MaxPool.Bind], names. Where windows overlap the sum
// runs in the order of taps. After may be nil; its rows are the positions of dx
// and its columns the channels.
func (m *MaxPool) BindGrad(dx, dy []float32, index []int32, after Epilogue) []Phase {
	c, width := m.spec.C, m.spec.In[2]
	run := func(r *poolRun, base int, offsets []int, taps []int32) {
		out := dx[base : base+((r.count-1)*r.step+1)*c]
		if len(offsets) == 0 {
			for i := range r.count {
				clear(out[i*r.step*c:][:c])
			}
			return
		}
		// The first tap lies farthest in dy.
		last := offsets[0] + ((r.count-1)*r.advance+1)*c
		dy, index := dy[:last], index[:last]
		shortCalls(r.count, c, len(offsets), func(pixel, pixels, ch, channels int) {
			from := pixel*r.advance*c + ch
			m.v.maxPoolGrad(channels, pixels, r.advance*c, r.step*c, len(offsets), &offsets[0], &taps[0],
				&dy[from], &index[from], &out[pixel*r.step*c+ch])
		})
	}
	return []Phase{m.backward.phase(func(worker, row int) {
		m.backward.row(worker, row, run)
		if after != nil {
			after(worker, 0, row*width, (row+1)*width, 0, c)
		}
	})}
}

// BindGather sets y to the elements of src, shaped as x, that index names: the
// derivative of [MaxPool.BindGrad] by dy. Windows of padding give 0.
func (m *MaxPool) BindGather(y, src []float32, index []int32) []Phase {
	c := m.spec.C
	return []Phase{m.forward.runPhase(func(r *poolRun, base int, offsets []int, taps []int32) {
		for i := range r.count * c {
			y[base+i] = 0
			for t, tap := range taps {
				if index[base+i] == tap {
					y[base+i] = src[offsets[t]+i/c*r.advance*c+i%c]
					break
				}
			}
		}
	})}
}

// An AvgPool plans the mean of windows.
type AvgPool struct {
	v        *Vec
	spec     PoolSpec
	forward  *poolPlan
	backward *poolPlan
	count    [3][]int // by dimension and output: the elements of its windows that count
}

// NewAvgPool plans for that many workers. The sum of a window is divided by
// its elements inside the image, or with countIncludePad inside the image and
// its padding. Dilation is 1.
func NewAvgPool(set *Set, spec PoolSpec, countIncludePad bool, workers int) *AvgPool {
	a := &AvgPool{v: &set.Vec, spec: spec, forward: newPoolPlan(&spec, false, workers), backward: newPoolPlan(&spec, true, workers)}
	for d := range a.count {
		for o, pairs := range spec.outputPairs(d) {
			n := len(pairs)
			if countIncludePad {
				from := o*spec.Stride[d] - spec.PadLo[d]
				n = min(from+spec.Window[d], spec.In[d]+spec.PadHi[d]) - from
			}
			a.count[d] = append(a.count[d], n)
		}
	}
	return a
}

// weight returns 1 / the elements that count in the windows at output position
// i of y in [0, N*Out0*Out1*Out2).
func (a *AvgPool) weight(i int) float32 {
	o := &a.spec.Out
	n := a.count[2][i%o[2]] * a.count[1][i/o[2]%o[1]] * a.count[0][i/(o[2]*o[1])%o[0]]
	if n <= 0 {
		return 0
	}
	return 1 / float32(n)
}

// Bind sets y to the mean of each window, 0 where nothing counts: the sum in
// the order of taps, times the rounded reciprocal of the count.
func (a *AvgPool) Bind(y, x []float32) []Phase {
	c := a.spec.C
	return []Phase{a.forward.runPhase(func(r *poolRun, base int, offsets []int, _ []int32) {
		for i := range r.count {
			out := y[base+i*c:][:c]
			if len(offsets) == 0 {
				clear(out)
				continue
			}
			sum := x[offsets[0]+i*r.advance*c:][:c]
			for _, off := range offsets[1:] {
				a.v.Run(Add, out, sum, x[off+i*r.advance*c:], nil, 0, 0)
				sum = out
			}
			a.v.Run(MulS, out, sum, nil, nil, a.weight(base/c+i), 0)
		}
	})}
}

// BindGrad sets dx to the gradient of x, the sum of dy times the weight of its
// window over the windows that hold the element, in the order of taps.
func (a *AvgPool) BindGrad(dx, dy []float32) []Phase {
	c := a.spec.C
	return []Phase{a.backward.runPhase(func(r *poolRun, base int, offsets []int, _ []int32) {
		for i := range r.count {
			out := dx[base+i*r.step*c:][:c]
			if len(offsets) == 0 {
				clear(out)
				continue
			}
			for t, off := range offsets {
				off += i * r.advance * c
				if t == 0 {
					a.v.Run(MulS, out, dy[off:], nil, nil, a.weight(off/c), 0)
				} else {
					a.v.Run(Axpy, out, dy[off:], out, nil, a.weight(off/c), 0)
				}
			}
		}
	})}
}
