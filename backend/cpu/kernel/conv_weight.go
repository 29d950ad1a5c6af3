package kernel

// A ConvWeight is a planned gradient of a convolution by its weight,
//
//	dw[o c k] = sum over n, p of x[n, p*Stride - PadLo + k*Dilation, c] * dy[n p o]
//
// The units of dy are divided in slices, whose number depends on the spec
// alone. Each slice is summed on its own, in the order of its units; then the
// slices are added in order.
type ConvWeight struct {
	depthwise *depthwise  // where a channel is a group
	direct    interface { // where the fields below are not used
		scratch() int
		bind(x, dy, dw, scratch []float32) []Phase
	}

	gather
	spec    ConvSpec
	tile    *Tile
	workers int

	blocks []weightBlock
	slices int
	parts  int // each slice is computed in parts: ranges of blocks
	adding work
}

// A weightBlock is m neighbouring rows of the gradient kept as [taps c O].
// They share tap[0] and tap[1], and are consecutive in a row of the source.
type weightBlock struct {
	tap [3]int
	c   int // channel of the first row, within its group
	row int // tap*C/Groups + c
	m   int
}

// sliceRows is the pixels of dy that pay for one more slice to add up.
const sliceRows = 1024

// NewConvWeight plans dw. The number of workers decides about chunks and
// scratch memory.
func NewConvWeight(set *Set, s ConvSpec, workers int) *ConvWeight {
	if s.depthwise() {
		return &ConvWeight{depthwise: newDepthwise(set, s, false, workers)}
	}
	if v := newWinogradWeight(set, s, workers); v != nil {
		return &ConvWeight{direct: v}
	}
	if v := newTapProducts(set, s, workers); v != nil {
		return &ConvWeight{direct: v}
	}
	return newWeightSums(set, s, workers)
}

// newWeightSums plans dw by its formula.
func newWeightSums(set *Set, s ConvSpec, workers int) *ConvWeight {
	s = s.flat()
	t := &set.Tile
	w := &ConvWeight{spec: s, tile: t, workers: workers}
	in := s.C / s.Groups
	width := s.Groups * roundUp(s.O/s.Groups, t.Narrow)
	rowNanos := float64(s.Out[2]*s.taps()*in) * float64(width) / t.Speed
	axes := s.forward()
	// All taps of a row are read, even those that meet padding alone.
	var whole []strip
	if x := &axes[2]; x.result > 0 {
		whole = x.appendStrip(nil, &x.lines[0], 0, x.result, 0, x.taps, 0)
	}
	w.gather = newGather(s.N, s.C, axes, whole, rowNanos)

	// A run of rows is one row of taps, or one tap.
	run, step := s.Kernel[2]*in, s.Kernel[2]
	if s.Groups > 1 || s.Dilation[2] > 1 {
		run, step = in, 1
	}
	for z := range s.Kernel[0] {
		for y := range s.Kernel[1] {
			for x := 0; x < s.Kernel[2]; x += step {
				n := ceil(run, t.Rows)
				for b := range n {
					lo, hi := evenCut(run, n, b)
					row := ((z*s.Kernel[1]+y)*s.Kernel[2] + x) * in
					w.blocks = append(w.blocks, weightBlock{tap: [3]int{z, y, x}, c: lo, row: row + lo, m: hi - lo})
				}
			}
		}
	}

	pixels := s.N * s.Out[0] * s.Out[1] * s.Out[2]
	w.slices = max(1, min(w.units, pixels/sliceRows, 16, partElements/max(1, w.size())))
	total := rowNanos * float64(s.N*s.Out[0]*s.Out[1])
	w.parts = 1
	if want := cut(1<<20, total/(1<<20), workers).chunks; want == 1 {
		w.parts = 1
	} else if want > w.slices {
		w.parts = min(ceil(want, w.slices), len(w.blocks))
	}
	const nanosPerFloat = 0.3
	w.adding = cut(ceil(in, addChannels), float64((w.slices+4)*s.taps()*addChannels*s.O)*nanosPerFloat, workers)
	return w
}

// addChannels is the number of channels whose slices are added as one piece.
const addChannels = 8

// size is the number of floats of the gradient.
func (w *ConvWeight) size() int { return w.spec.taps() * w.spec.C / w.spec.Groups * w.spec.O }

// Scratch returns the number of floats that Bind wants as scratch memory.
func (w *ConvWeight) Scratch() int {
	if w.direct != nil {
		return w.direct.scratch()
	}
	if d := w.depthwise; d != nil {
		return alignment + d.parts()*d.weights()
	}
	return alignment + w.slices*roundUp(w.size(), alignment) + w.workers*w.frame
}

// A weightRun is a plan with its operands.
type weightRun struct {
	*ConvWeight
	x, dy, dw []float32
	partial   [][]float32 // one a slice: [taps c O]
	frames    [][]float32 // one a worker
	segs      []seg       // one a worker
}

// Bind gives the plan its operands.
func (w *ConvWeight) Bind(x, dy, dw, scratch []float32) []Phase {
	if w.direct != nil {
		return w.direct.bind(x, dy, dw, scratch)
	}
	if d := w.depthwise; d != nil {
		return d.bindWeight(x, dy, dw, scratch)
	}
	if w.size() == 0 {
		return nil
	}
	r := &weightRun{ConvWeight: w, x: x, dy: dy, dw: dw, segs: make([]seg, w.workers)}
	scratch = align(scratch)
	take := func(n int) []float32 {
		s := scratch[:n]
		scratch = scratch[n:]
		return s
	}
	for range w.slices {
		r.partial = append(r.partial, take(roundUp(w.size(), alignment)))
	}
	for range w.workers {
		r.frames = append(r.frames, take(w.frame))
	}
	return []Phase{
		{Chunks: w.slices * w.parts, Run: r.run},
		{Chunks: w.adding.chunks, Run: r.add},
	}
}

// run computes one part of the blocks of one slice.
func (r *weightRun) run(worker, chunk int) {
	s, t, g := &r.spec, r.tile, &r.segs[worker]
	slice, part := chunk/r.parts, chunk%r.parts
	partial := r.partial[slice]
	blocks := r.blocks[part*len(r.blocks)/r.parts : (part+1)*len(r.blocks)/r.parts]
	last := blocks[len(blocks)-1]
	clear(partial[blocks[0].row*s.O : (last.row+last.m)*s.O])

	g.rsa, g.csa = floatBytes, s.Stride[2]*s.C*floatBytes
	g.rsb, g.segb = s.O*floatBytes, s.Out[2]*s.O*floatBytes
	g.ldc = s.O * floatBytes
	g.acc = 1
	out := s.O / s.Groups
	for u := slice * r.units / r.slices; u < (slice+1)*r.units/r.slices; u++ {
		v := r.view(r.x, r.frames[worker], u)
		for i := range blocks {
			b := &blocks[i]
			for group := range s.Groups {
				for o := 0; o < out; o += t.Cols {
					g.c = at(partial, b.row*s.O+group*out+o)
					r.block(g, &v, b, group, group*out+o, min(t.Cols, out-o))
				}
			}
		}
	}
}

// block adds the pixels of a view to a block and n channels of dy from o.
func (r *weightRun) block(g *seg, v *view, b *weightBlock, group, o, n int) {
	s := &r.spec
	z := r.z[v.z]
	if b.tap[0] < z.tap || b.tap[0] >= z.tap+z.taps {
		return
	}
	// The rows for which the tap meets the image are consecutive.
	y0, y1 := v.y0, v.y1
	meets := func(y int) bool { return b.tap[1] >= r.y[y].tap && b.tap[1] < r.y[y].tap+r.y[y].taps }
	for y0 < y1 && !meets(y0) {
		y0++
	}
	for y1 > y0 && !meets(y1-1) {
		y1--
	}
	row := (v.image*s.Out[0] + v.z) * s.Out[1]
	x := b.tap[2]*s.Dilation[2] - s.PadLo[2]
	g.sega = s.Stride[1] * v.row * floatBytes
	g.k, g.reps = s.Out[2], 1
	most := max(1, maxSteps/g.k)
	for y := y0; y < y1; y += most {
		source := y*s.Stride[1] - s.PadLo[1] + b.tap[1]*s.Dilation[1]
		g.a = at(v.data, v.at(b.tap[0]-z.tap, source, x, s.C)+group*s.C/s.Groups+b.c)
		g.b = at(r.dy, (row+y)*s.Out[2]*s.O+o)
		g.nseg = min(most, y1-y)
		r.tile.mul(b.m, n, g)
	}
}

// add adds the slices and stores the sums as [O c taps].
func (r *weightRun) add(_, chunk int) {
	s, t, taps := &r.spec, r.tile, r.spec.taps()
	in := s.C / s.Groups
	lo, hi := r.adding.span(chunk)
	c0, c1 := lo*addChannels, min(hi*addChannels, in)
	sum := r.partial[0]
	for k := range taps {
		i0, i1 := (k*in+c0)*s.O, (k*in+c1)*s.O
		for _, p := range r.partial[1:] {
			t.add(sum[i0:i1], p[i0:i1])
		}
	}
	if taps == 1 {
		t.transpose(r.dw[c0:], in, sum[c0*s.O:], s.O, c1-c0, s.O)
		return
	}
	for c := c0; c < c1; c++ {
		t.transpose(r.dw[c*taps:], in*taps, sum[c*s.O:], in*s.O, taps, s.O)
	}
}
