package kernel

// A depthwise convolution has a group for each channel: images of C channels
// are multiplied by weights that differ from channel to channel, and nothing is
// added up across channels. As vectors run along the channels, it is a pooling
// with weights: its taps are those of a [PoolSpec]. The weight is turned to
// [taps C] first.
//
// Each result of y and dx is summed in the order of the taps of its plan. dw is
// summed in parts, ranges of rows whose number depends on the spec alone, which
// are then added in order.
type depthwise struct {
	v       *Vec
	tile    *Tile
	plan    *poolPlan
	c, taps int
}

// depthwise reports whether the convolution has kernels of its own. Few channels
// leave vectors empty, but less so than matrix products of one column.
func (s *ConvSpec) depthwise() bool { return s.Groups == s.C && s.O == s.C && s.C > 1 }

func newDepthwise(set *Set, s ConvSpec, input bool, workers int) *depthwise {
	pool := PoolSpec{N: s.N, C: s.C, In: s.In, Out: s.Out, Window: s.Kernel, Stride: s.Stride, PadLo: s.PadLo, PadHi: s.PadHi, Dilation: s.Dilation}
	return &depthwise{&set.Vec, &set.Tile, newPoolPlan(&pool, input, workers), s.C, s.taps()}
}

// weights is the number of floats of the weight.
func (d *depthwise) weights() int { return d.c * d.taps }

func (d *depthwise) scratch() int { return alignment + d.weights() }

// apply sets the pixels of a run, yStep floats apart, to the weighted sums of
// what they meet in source; the weight is [taps C].
func (d *depthwise) apply(y []float32, yStep int, source, weight []float32, r *poolRun, offsets []int, taps []int32) {
	c := d.c
	shortCalls(r.count, c, len(offsets), func(pixel, pixels, ch, channels int) {
		d.v.depthwise(channels, pixels, r.advance*c, yStep, c, len(offsets), &offsets[0], &taps[0],
			&source[pixel*r.advance*c+ch], &weight[ch], &y[pixel*yStep+ch])
	})
}

// bind sets result from source and weight, y from x or dx from dy.
func (d *depthwise) bind(source, weight, result, scratch []float32, after Epilogue) []Phase {
	turned := align(scratch)[:d.weights()]
	c := d.c
	pack := Phase{Chunks: 1, Run: func(_, _ int) { d.tile.transpose(turned, c, weight, d.taps, c, d.taps) }}
	run := func(r *poolRun, base int, offsets []int, taps []int32) {
		out := result[base : base+((r.count-1)*r.step+1)*c]
		if len(offsets) == 0 {
			for i := range r.count {
				clear(out[i*r.step*c:][:c])
			}
			return
		}
		d.apply(out, r.step*c, source, turned, r, offsets, taps)
	}
	width := d.plan.size[2]
	return []Phase{pack, d.plan.phase(func(worker, row int) {
		d.plan.row(worker, row, run)
		if after != nil {
			after(worker, 0, row*width, (row+1)*width, 0, c)
		}
	})}
}

// depthwiseParts is the number of parts in which the gradient by the weight is
// summed, where there are as many chunks of rows.
const depthwiseParts = 16

func (d *depthwise) parts() int { return max(1, min(depthwiseParts, d.plan.chunks())) }

// bindWeight sets dw; d is planned over the results.
func (d *depthwise) bindWeight(x, dy, dw, scratch []float32) []Phase {
	parts, c, n := d.parts(), d.c, d.weights()
	sums := align(scratch)[:parts*n]
	phase := Phase{Chunks: parts, Run: func(worker, part int) {
		sum := sums[part*n:][:n]
		clear(sum)
		rows := d.plan.rows()
		for row := part * rows / parts; row < (part+1)*rows/parts; row++ {
			d.plan.row(worker, row, func(r *poolRun, base int, offsets []int, taps []int32) {
				if len(offsets) == 0 {
					return
				}
				shortCalls(r.count, c, len(offsets), func(pixel, pixels, ch, channels int) {
					d.v.depthwiseWeight(channels, pixels, r.advance*c, c, c, len(offsets), &offsets[0], &taps[0],
						&x[pixel*r.advance*c+ch], &dy[base+pixel*c+ch], &sum[ch])
				})
			})
		}
	}}
	return []Phase{phase, {Chunks: 1, Run: func(_, _ int) {
		sum := sums[:n]
		for p := 1; p < parts; p++ {
			d.v.AddTo(sum, sums[p*n:][:n])
		}
		d.tile.transpose(dw, d.taps, sum, c, d.taps, c)
	}}}
}
