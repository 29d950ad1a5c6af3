package kernel

import "math"

// A GroupNorm plans group normalisation of images x: each group of neighbouring
// channels of each image by its own mean and variance. With channels last x is
// [images pixels channels], else [images channels pixels].
//
// With channels last, the columns of an image are added up as [BatchNorm] adds
// them, in chunks of rows, and the channels of a group are joined afterwards;
// with channels first a group is one run of memory, a row.
type GroupNorm struct {
	v                                *Vec
	images, channels, groups, pixels int
	last                             bool
	b                                *BatchNorm // of one image
}

// NewGroupNorm plans for that many workers. No size is 0.
func NewGroupNorm(set *Set, images, channels, groups, pixels int, last bool, workers int) *GroupNorm {
	return &GroupNorm{&set.Vec, images, channels, groups, pixels, last, NewBatchNorm(set, pixels, channels, workers)}
}

// Scratch returns the number of floats of scratch memory that a Bind needs.
func (g *GroupNorm) Scratch() int {
	if g.last {
		return g.images*3*(g.b.chunks*g.channels+g.b.wide) + 3*g.b.workers*g.b.wide
	}
	return g.images * 4 * g.channels
}

// A gnScratch is the scratch memory with channels last, cut.
type gnScratch struct {
	partial [][3][]float32 // [image*chunks+chunk] three values by channel
	param   [][3][]float32 // [image] three values by channel, repeated
	worker  [][3][]float32 // [worker] three wide rows
}

func (g *GroupNorm) cut(mem []float32) (s gnScratch) {
	three := func(n int) (p [3][]float32) {
		for i := range p {
			p[i], mem = mem[:n:n], mem[n:]
		}
		return p
	}
	for range g.images * g.b.chunks {
		s.partial = append(s.partial, three(g.channels))
	}
	for range g.images {
		s.param = append(s.param, three(g.b.wide))
	}
	for range g.b.workers {
		s.worker = append(s.worker, three(g.b.wide))
	}
	return s
}

// chunkPhase runs f for every chunk of rows of every image: x[from:to].
func (g *GroupNorm) chunkPhase(f func(worker, image, chunk, from, to int)) Phase {
	return Phase{Chunks: g.images * g.b.chunks, Run: func(worker, i int) {
		image := i / g.b.chunks
		from, to := g.b.span(i % g.b.chunks)
		at := image * g.pixels * g.channels
		f(worker, image, i, at+from, at+to)
	}}
}

// rowPhase runs f for rows of n elements, each the business of one chunk alone.
func rowPhase(rows, n int, f func(row int)) Phase {
	per := max(1, chunkLen/n)
	return Phase{Chunks: (rows + per - 1) / per, Run: func(_, chunk int) {
		for r := chunk * per; r < min((chunk+1)*per, rows); r++ {
			f(r)
		}
	}}
}

// Bind normalises by the statistics of x itself:
//
//	mean[image group], variance[image group], the latter biased
//	y = (x-mean)/sqrt(variance+eps)*weight + bias
//
// weight and bias have an element for each channel. y may be x. after is nil
// unless channels are last; its matrices are the images, its rows their pixels.
func (g *GroupNorm) Bind(y, x, weight, bias, mean, variance []float32, eps float64, scratch []float32, after Epilogue) []Phase {
	per := g.channels / g.groups
	if g.last {
		return g.bindLast(y, x, weight, bias, mean, variance, eps, scratch, after)
	}
	n := per * g.pixels
	return []Phase{rowPhase(g.images*g.groups, n, func(r int) {
		v, row, out := g.v, x[r*n:(r+1)*n], y[r*n:(r+1)*n]
		m, va := v.moments(row)
		mean[r], variance[r] = m, float32(va)
		rstd := float32(1 / math.Sqrt(va+eps))
		c0 := r % g.groups * per
		if g.pixels == 1 {
			v.Run(NormFma, out, row, weight[c0:], bias[c0:], m, rstd)
			return
		}
		for c := range per {
			pixels := out[c*g.pixels : (c+1)*g.pixels]
			v.Run(NormS, pixels, row[c*g.pixels:], nil, nil, m, rstd*weight[c0+c])
			v.Run(AddS, pixels, pixels, nil, nil, bias[c0+c], 0)
		}
	})}
}

func (g *GroupNorm) bindLast(y, x, weight, bias, mean, variance []float32, eps float64, scratch []float32, after Epilogue) []Phase {
	s, b, per := g.cut(scratch), g.b, g.channels/g.groups
	return []Phase{
		g.chunkPhase(func(worker, _, chunk, from, to int) {
			b.chunkStats(x[from:to], s.partial[chunk], s.worker[worker])
		}),
		rowPhase(g.images*g.groups, b.wide/g.groups, func(r int) {
			image, group := r/g.groups, r%g.groups
			var m moments
			for chunk := range b.chunks {
				from, to := b.span(chunk)
				for c := group * per; c < (group+1)*per; c++ {
					m.add(float64((to-from)/g.channels), s.partial[image*b.chunks+chunk], c)
				}
			}
			va := max(m.m2/m.count, 0)
			mean[r], variance[r] = float32(m.mean), float32(va)
			rstd := 1 / math.Sqrt(va+eps)
			for c := group * per; c < (group+1)*per; c++ {
				b.repeat(s.param[image][0], c, mean[r])
				b.repeat(s.param[image][1], c, float32(float64(weight[c])*rstd))
				b.repeat(s.param[image][2], c, bias[c])
			}
		}),
		g.chunkPhase(func(worker, image, _, from, to int) {
			p := &s.param[image]
			for i := from; i < to; i += b.wide {
				row := y[i : i+min(b.wide, to-i)]
				g.v.Run(Sub, row, x[i:], p[0], nil, 0, 0)
				g.v.Run(Fma, row, row, p[1], p[2], 0, 0)
			}
			if first := image * g.pixels; after != nil {
				after(worker, image, from/g.channels-first, to/g.channels-first, 0, g.channels)
			}
		}),
	}
}

// BindGrad computes the gradients of [GroupNorm.Bind]: with
// r = 1/sqrt(variance+eps), h = (x-mean)*r and u = dy*weight,
//
//	dx = r * (u - mean of u - h * mean of u*h)
//	dweight[c] = sum of dy*h, dbias[c] = sum of dy
//
// the means over a group. dx may be dy or x.
func (g *GroupNorm) BindGrad(dx, dweight, dbias, dy, x, weight, mean, variance []float32, eps float64, scratch []float32) []Phase {
	per := g.channels / g.groups
	rstd := func(r int) float64 { return 1 / math.Sqrt(float64(variance[r])+eps) }
	// join gives the slope and shift of every group, dx = scale*dy - slope*(x-mean) - shift,
	// to set, and sums up for the channels; sums returns the sums of dy and of
	// dy*(x-mean) for a channel of an image.
	join := func(sums func(image, c int) (sum, sumX float64), set func(image, c int, scale, slope, shift float64)) Phase {
		return rowPhase(g.groups, g.images*per, func(group int) {
			for c := group * per; c < (group+1)*per; c++ {
				var db, dw float64
				for image := range g.images {
					sum, sumX := sums(image, c)
					db += sum
					dw += float64(sumX * rstd(image*g.groups+group))
				}
				dbias[c], dweight[c] = float32(db), float32(dw)
			}
			for image := range g.images {
				var sum, sumX float64 // of u
				for c := group * per; c < (group+1)*per; c++ {
					s, sx := sums(image, c)
					sum += float64(float64(weight[c]) * s)
					sumX += float64(float64(weight[c]) * sx)
				}
				r, n := rstd(image*g.groups+group), float64(per*g.pixels)
				for c := group * per; c < (group+1)*per; c++ {
					set(image, c, float64(weight[c])*r, r*r*r*sumX/n, r*sum/n)
				}
			}
		})
	}
	if g.last {
		return g.bindGradLast(dx, dy, x, mean, scratch, join)
	}
	part := scratch[:g.images*g.channels*4]
	row := func(i int) []float32 { return part[i*4 : i*4+4] } // of a channel of an image
	group := func(i int) int { return i / per }
	return []Phase{
		rowPhase(g.images*g.channels, g.pixels, func(i int) {
			sum, sumX := g.v.gradSums(dy[i*g.pixels:], x[i*g.pixels:(i+1)*g.pixels], nil, mean[group(i)])
			row(i)[0], row(i)[1] = float32(sum), float32(sumX)
		}),
		join(func(image, c int) (sum, sumX float64) {
			p := row(image*g.channels + c)
			return float64(p[0]), float64(p[1])
		}, func(image, c int, scale, slope, shift float64) {
			p := row(image*g.channels + c)
			p[2], p[3] = float32(slope), float32(shift)
		}),
		rowPhase(g.images*g.channels, g.pixels, func(i int) {
			p, from, to := row(i), i*g.pixels, (i+1)*g.pixels
			scale := float32(float64(weight[i%g.channels]) * rstd(group(i)))
			g.v.normalGrad(dx[from:to], dy[from:], x[from:to], nil, scale, mean[group(i)], p[2], p[3])
		}),
	}
}

func (g *GroupNorm) bindGradLast(dx, dy, x, mean, scratch []float32,
	join func(sums func(image, c int) (sum, sumX float64), set func(image, c int, scale, slope, shift float64)) Phase) []Phase {
	s, b, per := g.cut(scratch), g.b, g.channels/g.groups
	center := func(image, c int) float32 { return mean[image*g.groups+c/per] }
	return []Phase{
		g.chunkPhase(func(worker, image, chunk, from, to int) {
			sum, sumX, at := s.worker[worker][0], s.worker[worker][1], s.worker[worker][2]
			for c := range g.channels {
				at[c] = center(image, c)
			}
			for i := g.channels; i < b.wide; i += g.channels {
				copy(at[i:], at[:g.channels])
			}
			clear(sum)
			clear(sumX)
			for i := from; i < to; i += b.wide {
				b.addSums(sum[:min(b.wide, to-i)], sumX, dy[i:], x[i:], at)
			}
			b.foldInto(s.partial[chunk][0], sum)
			b.foldInto(s.partial[chunk][1], sumX)
		}),
		join(func(image, c int) (sum, sumX float64) {
			for _, p := range s.partial[image*b.chunks : (image+1)*b.chunks] {
				sum += float64(p[0][c])
				sumX += float64(p[1][c])
			}
			return sum, sumX
		}, func(image, c int, scale, slope, shift float64) {
			// dx = scale*dy + (-slope*x + (slope*mean - shift))
			b.repeat(s.param[image][0], c, float32(scale))
			b.repeat(s.param[image][1], c, float32(-slope))
			b.repeat(s.param[image][2], c, float32(float64(slope*float64(center(image, c)))-shift))
		}),
		g.chunkPhase(func(_, image, _, from, to int) {
			for i := from; i < to; i += b.wide {
				b.wideGrad(dx[i:i+min(b.wide, to-i)], dy[i:], x[i:], s.param[image])
			}
		}),
	}
}
