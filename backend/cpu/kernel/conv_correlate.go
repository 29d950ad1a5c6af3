package kernel

// A correlation computes, for every pixel p of the result and every channel,
//
//	result[p o] = sum over taps k, channels c of source[pixel(p, k) c] * packed[k c o]
//
// It is the forward convolution, and its gradient by the input with other
// axes. The source is read in place or, where rows need padding, from a copy
// of the few rows that a unit reads; the weight is packed once, in panels:
// [group panel tap[0] tap[1] tap[2] c Cols].
type correlation struct {
	gather
	tile    *Tile
	workers int

	groups, in, out int // channels of a group
	taps            [3]int
	panels          int // of a group
	parts           int // runs of panels, those of all groups one behind the other
	weights         int // floats of the packed weight
	slices          int // a panel is packed in pieces: ranges of c
	packing, units  work
}

// packSlice is the number of channels that are packed as one piece.
const packSlice = 32

// partWeights is the most of the packed weight that a part has, a single panel
// aside: it stays in the second cache while all rows of all images meet it.
// Found with BenchmarkConv, batch 1.
const partWeights = 128 << 10

func newCorrelation(t *Tile, workers, images, groups, in, out int, axes [3]axis) correlation {
	c := correlation{tile: t, workers: workers, groups: groups, in: in, out: out}
	steps := in
	for d := range axes {
		c.taps[d] = axes[d].taps
		steps *= axes[d].taps
	}
	c.panels = ceil(out, t.Cols)
	c.weights = groups * c.panels * steps * t.Cols
	c.slices = ceil(in, packSlice)
	pieces := groups * c.panels * c.slices
	c.packing = cut(pieces, float64(c.weights)*packNanos/float64(max(pieces, 1)), workers)

	// Few channels leave vectors partly empty.
	width := groups * roundUp(out, t.Narrow)
	rowNanos := float64(axes[2].result*width) * (float64(steps) + 4) / t.Speed
	c.gather = newGather(images, groups*in, axes, axes[2].strips(t.Rows, max(1, in*c.taps[1])), rowNanos)
	// Large weights, and images too small for all workers, are cut by panels.
	c.parts = max(1, min(max(ceil(c.weights, partWeights), ceil(4*workers, max(c.gather.units, 1))), groups*c.panels))
	c.units = cut(c.gather.units*c.parts, rowNanos*float64(c.rows)/float64(c.parts), workers)
	return c
}

// tapCount is the number of taps of the kernel.
func (c *correlation) tapCount() int { return c.taps[0] * c.taps[1] * c.taps[2] }

// Scratch returns the number of floats that Bind wants as scratch memory.
func (c *correlation) Scratch() int { return c.packedSize() + c.spareSize() }

// packedSize and spareSize are the floats of the packed weight, and of what the
// workers need beside it.
func (c *correlation) packedSize() int { return alignment + c.weights }

func (c *correlation) spareSize() int { return alignment + c.workers*c.spareOf() }

// spareOf is the memory of one worker: a view or, while packing, the taps of a
// channel.
func (c *correlation) spareOf() int {
	return roundUp(max(c.frame, c.tapCount()*c.tile.Cols), alignment)
}

// A correlationRun is a plan with its operands.
type correlationRun struct {
	*correlation
	source, weight, result, packed []float32
	spare                          [][]float32 // one a worker
	after                          Epilogue
	segs                           []seg // one a worker
}

func (c *correlation) bind(source, weight, result, scratch []float32, after Epilogue, pack func(*correlationRun, []float32, int, int, int, int)) []Phase {
	at := c.packedSize()
	packing, product := c.bindParts(source, weight, result, scratch[:at], scratch[at:], after, pack)
	return append(packing, product...)
}

// bindParts gives the plan its operands: the phase that packs the weight, and
// that of the product. There may be none.
func (c *correlation) bindParts(source, weight, result, packed, spare []float32, after Epilogue, pack func(*correlationRun, []float32, int, int, int, int)) (packing, product []Phase) {
	if c.gather.units == 0 || c.axes[2].result == 0 || c.out == 0 {
		return nil, nil
	}
	x := &correlationRun{correlation: c, source: source, weight: weight, result: result, after: after, segs: make([]seg, c.workers)}
	x.packed, spare = align(packed)[:c.weights], align(spare)
	for w := range c.workers {
		x.spare = append(x.spare, spare[w*c.spareOf():][:c.spareOf()])
	}
	if c.in > 0 && c.tapCount() > 0 {
		packing = []Phase{{Chunks: c.packing.chunks, Run: func(worker, chunk int) {
			lo, hi := c.packing.span(chunk)
			for u := lo; u < hi; u++ {
				p, slice := u/c.slices, u%c.slices
				pack(x, x.spare[worker], p/c.panels, p%c.panels, slice*packSlice, min((slice+1)*packSlice, c.in))
			}
		}}}
	}
	return packing, []Phase{{Chunks: c.units.chunks, Run: x.run}}
}

// panel returns the packed panel of a group: [taps c Cols].
func (x *correlationRun) panel(group, panel int) []float32 {
	size := x.tapCount() * x.in * x.tile.Cols
	return x.packed[(group*x.panels+panel)*size:][:size]
}

// packForward packs channels c0 to c1 of a panel from weight [o c taps].
func (x *correlationRun) packForward(_ []float32, group, panel, c0, c1 int) {
	t, taps := x.tile, x.tapCount()
	n := min(t.Cols, x.out-panel*t.Cols)
	row := x.in * taps
	dst := x.panel(group, panel)
	src := x.weight[(group*x.out+panel*t.Cols)*row:]
	if taps == 1 {
		t.transpose(dst[c0*t.Cols:], t.Cols, src[c0:], row, n, c1-c0)
		return
	}
	for c := c0; c < c1; c++ {
		t.transpose(dst[c*t.Cols:], x.in*t.Cols, src[c*taps:], row, n, taps)
	}
}

// packInput packs for the gradient by the input, where the roles of input and
// output channels are exchanged: channels c of the sum are the weight's o.
func (x *correlationRun) packInput(spare []float32, group, panel, c0, c1 int) {
	t, taps := x.tile, x.tapCount()
	n := min(t.Cols, x.out-panel*t.Cols)
	row := x.out * taps
	dst := x.panel(group, panel)
	src := x.weight[group*x.in*row+panel*t.Cols*taps:]
	if taps == 1 {
		t.split(dst[c0*t.Cols:], t.Cols, 0, src[c0*row:], row, c1-c0, n)
		return
	}
	for c := c0; c < c1; c++ {
		t.transpose(spare, t.Cols, src[c*row:], taps, n, taps)
		k := 0
		for _, z := range x.axes[0].order {
			for _, y := range x.axes[1].order {
				for _, w := range x.axes[2].order {
					tap := (z*x.taps[1]+y)*x.taps[2] + w
					copy(dst[(tap*x.in+c)*t.Cols:][:n], spare[k*t.Cols:])
					k++
				}
			}
		}
	}
}

// run computes the units of a chunk, those of one part after the other.
func (x *correlationRun) run(worker, chunk int) {
	t, g := x.tile, &x.segs[worker]
	width, out := x.axes[2].result, x.groups*x.out
	lo, hi := x.units.span(chunk)
	for u := lo; u < hi; u++ {
		v := x.view(x.source, x.spare[worker], u%x.gather.units)
		row := (v.image*len(x.z)+v.z)*len(x.y) + v.y0
		first, last := evenCut(x.groups*x.panels, x.parts, u/x.gather.units)
		for q := first; q < last; q++ {
			group, p := q/x.panels, q%x.panels
			n := min(t.Cols, x.out-p*t.Cols)
			panel := x.panel(group, p)
			for y := v.y0; y < v.y1; y++ {
				c := (row+y-v.y0)*width*out + group*x.out + p*t.Cols
				for i := range x.x {
					x.strip(g, &v, &x.x[i], y, group*x.in, n, panel, c)
				}
			}
		}
		if x.after != nil {
			x.after(worker, 0, row*width, (row+v.y1-v.y0)*width, x.column(first), x.column(last))
		}
	}
}

// column is the first column of the result that panel q is for.
func (x *correlationRun) column(q int) int {
	return q/x.panels*x.out + min(q%x.panels*x.tile.Cols, x.out)
}

// strip computes n channels, from element first of the row on, of a strip of
// row y. The source's channels start at channel.
func (x *correlationRun) strip(g *seg, v *view, s *strip, y, channel, n int, panel []float32, first int) {
	channels, cols := x.channels, x.tile.Cols
	out := x.groups * x.out
	g.c = at(x.result, first+s.result*out)
	g.ldc = s.resultStep * out * floatBytes
	zs, ys := x.z[v.z], x.y[y]
	if zs.taps == 0 || ys.taps == 0 || s.taps == 0 || x.in == 0 {
		for i := range s.m * s.reps {
			clear(x.result[first+(s.result+i*s.resultStep)*out:][:n])
		}
		return
	}
	g.rsa = s.sourceStep * channels * floatBytes
	g.csa, g.rsb = floatBytes, cols*floatBytes
	g.stepA, g.stepC = s.m*g.rsa, s.m*g.ldc
	g.acc = s.acc
	tap := x.in * cols // floats of a tap in the panel
	xStep, yStep := x.axes[2].tapStep, x.axes[1].tapStep
	for z := range zs.taps {
		if s.taps == 1 || xStep == 1 && x.groups == 1 {
			// The taps of a row are one run; a segment is a row.
			k := s.taps * x.in
			most := max(1, maxSteps/k)
			for j := 0; j < ys.taps; j += most {
				g.k, g.nseg = k, min(most, ys.taps-j)
				g.sega, g.segb = yStep*v.row*floatBytes, x.taps[2]*tap*floatBytes
				g.a = at(v.data, v.at(z, ys.source+j*yStep, s.source, channels)+channel)
				g.b = at(panel, (((zs.tap+z)*x.taps[1]+ys.tap+j)*x.taps[2]+s.tap)*tap)
				x.tile.blocks(s.m, n, s.reps, g)
				g.acc = 1
			}
			continue
		}
		// A segment is a tap.
		for j := range ys.taps {
			g.k, g.nseg = x.in, s.taps
			g.sega, g.segb = xStep*channels*floatBytes, tap*floatBytes
			g.a = at(v.data, v.at(z, ys.source+j*yStep, s.source, channels)+channel)
			g.b = at(panel, (((zs.tap+z)*x.taps[1]+ys.tap+j)*x.taps[2]+s.tap)*tap)
			x.tile.blocks(s.m, n, s.reps, g)
			g.acc = 1
		}
	}
}
