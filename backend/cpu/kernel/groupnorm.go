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
		return 3 * (g.images*(g.b.chunks*g.channels+g.b.wide) + g.b.workers*g.b.wide)
	}
	return g.images * 4 * g.channels
}

// A gnScratch is the scratch memory with channels last, cut.
type gnScratch struct {
	partial [][]float32    // [image*chunks+chunk] three values by channel
	param   [][3][]float32 // [image] three values by channel, repeated
	worker  [][]float32    // [worker] three wide rows
}

func (g *GroupNorm) cut(mem []float32) (s gnScratch) {
	take := func(n int) (p []float32) {
		p, mem = mem[:n:n], mem[n:]
		return p
	}
	wide := g.b.wide
	for range g.images * g.b.chunks {
		s.partial = append(s.partial, take(3*g.channels))
	}
	for range g.images {
		s.param = append(s.param, [3][]float32{take(wide), take(wide), take(wide)})
	}
	for range g.b.workers {
		s.worker = append(s.worker, take(3*wide))
	}
	return s
}

// chunkPhase runs f for every chunk of rows of every image, rows from..to of all.
func (g *GroupNorm) chunkPhase(f func(worker, image, chunk, from, to int)) Phase {
	return Phase{Chunks: g.images * g.b.chunks, Run: func(worker, i int) {
		image := i / g.b.chunks
		from, to := g.b.span(i % g.b.chunks)
		f(worker, image, i, image*g.pixels+from, image*g.pixels+to)
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
			part, sums, center := s.partial[chunk], s.worker[worker][:2*b.wide], s.worker[worker][2*b.wide:]
			rows := x[from*g.channels : to*g.channels]
			b.center(center, rows)
			copy(part[2*g.channels:], center[:g.channels])
			b.devs(part, sums, rows, center)
		}),
		rowPhase(g.images*g.groups, b.chunks*per, func(r int) {
			image, group := r/g.groups, r%g.groups
			var m moments
			for chunk := range b.chunks {
				from, to := b.span(chunk)
				part := s.partial[image*b.chunks+chunk]
				for c := group * per; c < (group+1)*per; c++ {
					m.add(float64(to-from), float64(part[2*g.channels+c]), float64(part[c]), float64(part[g.channels+c]))
				}
			}
			va := max(m.m2/m.count, 0)
			mean[r], variance[r] = float32(m.mean), float32(va)
			rstd := 1 / math.Sqrt(va+eps)
			for c := group * per; c < (group+1)*per; c++ {
				p := &s.param[image]
				p[0][c], p[1][c], p[2][c] = mean[r], float32(float64(weight[c])*rstd), bias[c]
			}
			for _, p := range s.param[image] {
				b.repeat(p, group*per, (group+1)*per)
			}
		}),
		g.chunkPhase(func(worker, image, _, from, to int) {
			b.scale(worker, image, y, x, s.param[image], from, to, after)
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
			sums, at := s.worker[worker][:2*b.wide], s.worker[worker][2*b.wide:]
			for c := range g.channels {
				at[c] = center(image, c)
			}
			b.repeat(at, 0, g.channels)
			lo, hi := from*g.channels, to*g.channels
			b.gradSums(s.partial[chunk], sums, dy[lo:hi], x[lo:hi], at)
		}),
		join(func(image, c int) (sum, sumX float64) {
			for _, p := range s.partial[image*b.chunks : (image+1)*b.chunks] {
				sum += float64(p[c])
				sumX += float64(p[g.channels+c])
			}
			return sum, sumX
		}, func(image, c int, scale, slope, shift float64) {
			// dx = scale*dy + (-slope*x + (slope*mean - shift))
			p := &s.param[image]
			p[0][c], p[1][c] = float32(scale), float32(-slope)
			p[2][c] = float32(float64(slope*float64(center(image, c))) - shift)
			for _, p := range p {
				b.repeat(p, c, c+1)
			}
		}),
		g.chunkPhase(func(_, image, _, from, to int) { b.grad(dx, dy, x, s.param[image], from, to) }),
	}
}
