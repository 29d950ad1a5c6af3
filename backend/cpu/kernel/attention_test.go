package kernel

import (
	"fmt"
	"math"
	"testing"
)

// naiveAttention is the definition in float64: value and gradients.
type naiveAttention struct {
	out, lse, dq, dk, dv, dbias []float64
}

func attentionReference(z AttentionSpec, o AttentionOperands) (y naiveAttention) {
	y.out, y.lse = make([]float64, len(o.Out)), make([]float64, len(o.Lse))
	y.dq, y.dk, y.dv, y.dbias = make([]float64, len(o.DQ)), make([]float64, len(o.DK)), make([]float64, len(o.DV)), make([]float64, len(o.DBias))
	bits := make([]uint32, z.B*z.H*z.T*z.S+8)
	if o.Draw != nil {
		o.Draw(bits, 0)
	}
	for row := range z.B * z.H * z.T {
		b, h, t := row/(z.H*z.T), row/z.T%z.H, row%z.T
		g, p := h/(z.H/z.G), t
		if o.Position != nil {
			p += int(o.Position[b])
		}
		q := o.Q[z.query(b, t, h, z.LdQ, z.K):][:z.K]
		dq := y.dq[z.query(b, t, h, z.LdQ, z.K):][:z.K]
		dout := o.DOut[z.query(b, t, h, z.H*z.V, z.V):][:z.V]
		place := func(stride [3]int) int { return b*stride[0] + h*stride[1] + t*stride[2] }
		a, slope := make([]float64, z.S), make([]float64, z.S)
		sum := 0.0
		if o.Sinks != nil {
			sum = math.Exp(float64(o.Sinks[h]))
		}
		for s := range a {
			k := o.K[z.key(b, s, g, z.LdK, z.K):][:z.K]
			for i := range k {
				a[s] += float64(z.Scale) * float64(q[i]) * float64(k[i])
			}
			slope[s] = 1
			if c := float64(z.Cap); c != 0 {
				tangent := math.Tanh(a[s] / c)
				a[s], slope[s] = c*tangent, 1-tangent*tangent
			}
			if o.Bias != nil {
				a[s] += float64(o.Bias[place(z.BiasStride)+s])
			}
			if o.Slopes != nil {
				a[s] -= float64(o.Slopes[h]) * math.Abs(float64(p-s))
			}
			if z.Causal && s > p || z.Windowed && (s < p-z.Left || s > p+z.Right) || o.Lengths != nil && s >= int(o.Lengths[b]) ||
				o.QuerySegs != nil && o.QuerySegs[b*z.T+t] != o.KeySegs[b*z.S+s] || o.Mask != nil && o.Mask[place(z.MaskStride)+s] == 0 {
				a[s] = math.Inf(-1)
			}
			sum += math.Exp(a[s])
		}
		y.lse[z.query(b, t, h, z.H, 1)] = math.Log(sum)
		for s := range a {
			if math.IsInf(a[s], -1) {
				continue
			}
			weight, keep := math.Exp(a[s])/sum, 1.0
			if o.Draw != nil {
				if keep = float64(z.Keep); uint64(bits[row*z.S+s]) < z.Threshold {
					keep = 0
				}
			}
			at := z.key(b, s, g, z.LdV, z.V)
			dp := 0.0
			for i := range z.V {
				y.out[z.query(b, t, h, z.H*z.V, z.V)+i] += keep * weight * float64(o.V[at+i])
				y.dv[at+i] += keep * weight * float64(dout[i])
				dp += keep * float64(dout[i]) * float64(o.V[at+i])
			}
			da := weight * (dp - float64(o.Delta[z.query(b, t, h, z.H, 1)]))
			if len(y.dbias) > 0 {
				y.dbias[place(z.BiasStride)+s] += da
			}
			da *= slope[s] * float64(z.Scale)
			at = z.key(b, s, g, z.LdK, z.K)
			for i := range z.K {
				dq[i] += da * float64(o.K[at+i])
				y.dk[at+i] += da * float64(q[i])
			}
		}
	}
	return y
}

// Every option gives what the definition gives, beside pages that can't be
// read, at sizes around those of tiles and
// blocks.
func TestAttention(t *testing.T) {
	const most = 1 << 16
	var rooms [12][]float32
	for i := range rooms {
		rooms[i] = fenced[float32](t, most, false)
	}
	masks := fenced[byte](t, most, false)
	eachSet(t, func(t *testing.T, set *Set) {
		r := random()
		for option := range 12 {
			for _, size := range [][4]int{{1, 1, 1, 1}, {2, 3, 5, 4}, {1, 13, 33, 2}, {1, 34, 17, 9}, {1, 130, 140, 5}} {
				z := AttentionSpec{B: 2, T: size[1], S: size[2], H: 2, G: size[0], K: size[3], V: size[3] + 1, Scale: 0.7}
				z.LdQ, z.LdK, z.LdV = z.H*z.K, z.G*z.K, z.G*z.V
				var o AttentionOperands
				next := 0
				floats := func(n int) []float32 {
					x := rooms[next][most-n:]
					next++
					for i := range x {
						x[i] = float32(r.NormFloat64())
					}
					return x
				}
				o.Q, o.K, o.V = floats(z.B*z.T*z.LdQ), floats(z.B*z.S*z.LdK), floats(z.B*z.S*z.LdV)
				o.DQ, o.DK, o.DV = floats(len(o.Q)), floats(len(o.K)), floats(len(o.V))
				rows := z.B * z.T * z.H
				o.Out, o.Lse, o.DOut, o.Delta = floats(rows*z.V), floats(rows), floats(rows*z.V), floats(rows)
				whole := func(n int, f func(i int) int) []int64 {
					x := make([]int64, n)
					for i := range x {
						x[i] = int64(f(i))
					}
					return x
				}
				switch option {
				case 1:
					z.Causal, z.Scale = true, 1
				case 2:
					z.Windowed, z.Left, z.Right = true, 3, 1
				case 3:
					z.Cap = 1.5
				case 4:
					o.Mask, z.MaskStride = masks[most-z.B*z.T*z.S:], [3]int{z.T * z.S, 0, z.S}
					for i := range o.Mask {
						o.Mask[i] = byte(r.IntN(2))
					}
				case 5, 6:
					o.Bias, z.BiasStride = floats(z.H*z.T*z.S), [3]int{0, z.T * z.S, z.S}
					if option == 6 {
						next--
						o.Bias, z.BiasStride, z.Causal = floats(z.B*z.S), [3]int{z.S, 0, 0}, true
					}
					o.DBias = floats(len(o.Bias))
				case 7:
					o.Slopes, z.Causal = floats(z.H), true
				case 8:
					o.Sinks = floats(z.H)
				case 9:
					o.Lengths = whole(z.B, func(i int) int { return i * z.S / 2 })
				case 10:
					o.QuerySegs = whole(z.B*z.T, func(i int) int { return i / 5 % 3 })
					o.KeySegs = whole(z.B*z.S, func(i int) int { return i / 7 % 3 })
				case 11:
					o.Position, z.Causal = whole(z.B, func(i int) int { return 4*i - 1 }), true
					z.Threshold, z.Keep = 1<<30, 4.0/3
					o.Draw = func(bits []uint32, first int) {
						for i := range bits {
							bits[i] = uint32(first+i+1) * 2654435761
						}
					}
				}
				for _, p := range []*Attention{NewAttention(set, z, 2), NewAttentionGrad(set, z, 2)} {
					if p.grad { // the gradients take lse as it was made
						for i := range o.Delta {
							o.Delta[i] *= 0.1
						}
					}
					scratch := make([]float32, p.Scratch())
					for i := range scratch {
						scratch[i] = float32(math.NaN())
					}
					runPhases(p.Bind(o, scratch), 2)
				}
				want := attentionReference(z, o)
				for _, c := range []struct {
					name string
					got  []float32
					want []float64
				}{{"out", o.Out, want.out}, {"lse", o.Lse, want.lse}, {"dq", o.DQ, want.dq}, {"dk", o.DK, want.dk}, {"dv", o.DV, want.dv}, {"dbias", o.DBias, want.dbias}} {
					largest := 1.0
					for _, v := range c.want {
						if !math.IsInf(v, 0) {
							largest = max(largest, math.Abs(v))
						}
					}
					for i, v := range c.want {
						if got := float64(c.got[i]); got != v && !(math.Abs(got-v) <= 1e-5*largest) {
							t.Fatalf("option %d, %+v: %s[%d] is %v, want %v", option, z, c.name, i, got, v)
						}
					}
				}
			}
		}
	})
}

// attentionShape is attention in one value [B T H+2G K], as a model has it.
func attentionShape(b, t, h, g, k int, causal bool) AttentionSpec {
	ld := (h + 2*g) * k
	return AttentionSpec{B: b, T: t, S: t, H: h, G: g, K: k, V: k, LdQ: ld, LdK: ld, LdV: ld, Scale: 0.125, Causal: causal}
}

// packedAttention makes operands of an attentionShape.
func packedAttention(z AttentionSpec, floats func(n int) []float32) (o AttentionOperands) {
	cut := func(x []float32) (q, k, v []float32) { return x, x[z.H*z.K:], x[(z.H+z.G)*z.K:] }
	o.Q, o.K, o.V = cut(floats(z.B * z.T * z.LdQ))
	o.DQ, o.DK, o.DV = cut(make([]float32, z.B*z.T*z.LdQ))
	o.DOut, o.Delta = floats(z.B*z.T*z.H*z.V), floats(z.B*z.T*z.H)
	o.Out, o.Lse = make([]float32, z.B*z.T*z.H*z.V), make([]float32, z.B*z.T*z.H)
	return o
}

func BenchmarkAttention(b *testing.B) {
	const workers = 2
	set := Best()
	r := random()
	floats := func(n int) []float32 {
		x := make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		return x
	}
	for _, z := range []AttentionSpec{
		attentionShape(8, 128, 4, 4, 64, true),
		attentionShape(8, 128, 4, 4, 64, false),
		attentionShape(4, 256, 8, 8, 64, true),
		attentionShape(4, 256, 8, 8, 64, false),
		attentionShape(4, 128, 12, 12, 64, false),
		attentionShape(1, 128, 12, 12, 64, false),
		attentionShape(1, 2048, 8, 8, 64, true),
		attentionShape(1, 2048, 8, 8, 64, false),
		attentionShape(1, 2048, 8, 2, 128, true),
		attentionShape(1, 4096, 16, 16, 128, true),
	} {
		name := fmt.Sprintf("B%d_T%d_H%d_G%d_K%d_causal=%v", z.B, z.T, z.H, z.G, z.K, z.Causal)
		o := packedAttention(z, floats)
		pairs := float64(z.B * z.H * z.T * z.T)
		if z.Causal {
			pairs /= 2
		}
		for _, plan := range []struct {
			name  string
			p     *Attention
			flops float64
		}{
			{"forward", NewAttention(set, z, workers), 4 * pairs * float64(z.K)},
			{"backward", NewAttentionGrad(set, z, workers), 10 * pairs * float64(z.K)},
		} {
			b.Run(name+"/"+plan.name, func(b *testing.B) {
				measure(b, workers, plan.p.Bind(o, make([]float32, plan.p.Scratch())), plan.flops)
			})
		}
	}
}
