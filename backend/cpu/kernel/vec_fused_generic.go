package kernel

import (
	"math"
	"unsafe"
)

// The portable fused kernels. As everywhere, a product is rounded to float32
// before it is added to something; the assembly does the same, so that all
// sets give the same bits.

func sqrt32(x float32) float32 { return float32(math.Sqrt(float64(x))) }

// normGradGeneric sets dx = rstd*dy - (x-mean)*slope - shift.
func normGradGeneric(n int, pdx, pdy, px, _, _, _ *float32, rstd, mean, slope, shift, _, _, _, _ float32) {
	dx, dy, x := unsafe.Slice(pdx, n), unsafe.Slice(pdy, n), unsafe.Slice(px, n)
	for i, g := range dy {
		dx[i] = float32(rstd*g) - float32((x[i]-mean)*slope) - shift
	}
}

// normGradWeightGeneric sets dx = rstd*(dy*w) - (x-mean)*slope - shift.
func normGradWeightGeneric(n int, pdx, pdy, px, pw, _, _ *float32, rstd, mean, slope, shift, _, _, _, _ float32) {
	dx, dy, x, w := unsafe.Slice(pdx, n), unsafe.Slice(pdy, n), unsafe.Slice(px, n), unsafe.Slice(pw, n)
	for i, g := range dy {
		dx[i] = float32(rstd*float32(g*w[i])) - float32((x[i]-mean)*slope) - shift
	}
}

func sgdGeneric(n int, pp, pg, _, _, _, _ *float32, lr, decay, _, _, _, _, _, _ float32) {
	p, g := unsafe.Slice(pp, n), unsafe.Slice(pg, n)
	for i, x := range p {
		p[i] = x - float32(lr*(g[i]+float32(decay*x)))
	}
}

func sgdMomentumGeneric(n int, pp, pg, pbuf, _, _, _ *float32, lr, decay, keep, take, _, _, _, _ float32) {
	p, g, buf := unsafe.Slice(pp, n), unsafe.Slice(pg, n), unsafe.Slice(pbuf, n)
	for i, x := range p {
		d := g[i] + float32(decay*x)
		b := float32(keep*buf[i]) + float32(take*d)
		buf[i] = b
		p[i] = x - float32(lr*b)
	}
}

func sgdNesterovGeneric(n int, pp, pg, pbuf, _, _, _ *float32, lr, decay, keep, take, momentum, _, _, _ float32) {
	p, g, buf := unsafe.Slice(pp, n), unsafe.Slice(pg, n), unsafe.Slice(pbuf, n)
	for i, x := range p {
		d := g[i] + float32(decay*x)
		b := float32(keep*buf[i]) + float32(take*d)
		buf[i] = b
		p[i] = x - float32(lr*(d+float32(momentum*b)))
	}
}

func adaGradGeneric(n int, pp, pg, psum, _, _, _ *float32, lr, decay, eps, _, _, _, _, _ float32) {
	p, g, sum := unsafe.Slice(pp, n), unsafe.Slice(pg, n), unsafe.Slice(psum, n)
	for i, x := range p {
		d := g[i] + float32(decay*x)
		s := sum[i] + float32(d*d)
		sum[i] = s
		p[i] = x - float32(lr*(d/(sqrt32(s)+eps)))
	}
}

// rmsPropGeneric returns the kernel of one variant of RMSprop.
func rmsPropGeneric(centered, withMomentum bool) fused {
	return func(n int, pp, pg, psq, pavg, pbuf, _ *float32, lr, decay, alpha, rest, eps, momentum, _, _ float32) {
		p, g, sq := unsafe.Slice(pp, n), unsafe.Slice(pg, n), unsafe.Slice(psq, n)
		for i, x := range p {
			d := g[i] + float32(decay*x)
			s := float32(alpha*sq[i]) + float32(rest*float32(d*d))
			sq[i] = s
			if centered {
				avg := elem(pavg, i)
				*avg += float32(rest * (d - *avg))
				s -= float32(*avg * *avg)
			}
			u := d / (sqrt32(s) + eps)
			if withMomentum {
				buf := elem(pbuf, i)
				*buf = float32(momentum**buf) + u
				u = *buf
			}
			p[i] = x - float32(lr*u)
		}
	}
}

func adamGeneric(n int, pp, pg, pm, pv, _, _ *float32, keep, decay, rest1, beta2, rest2, root, eps, step float32) {
	p, g, m, v := unsafe.Slice(pp, n), unsafe.Slice(pg, n), unsafe.Slice(pm, n), unsafe.Slice(pv, n)
	for i, x := range p {
		d := g[i] + float32(decay*x)
		m1 := m[i] + float32(rest1*(d-m[i]))
		v1 := float32(beta2*v[i]) + float32(rest2*float32(d*d))
		m[i], v[i] = m1, v1
		p[i] = float32(keep*x) - float32(step*(m1/(float32(sqrt32(v1)*root)+eps)))
	}
}
