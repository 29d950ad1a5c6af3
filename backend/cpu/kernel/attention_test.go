package kernel

import (
	"fmt"
	"testing"
)

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
		attentionShape(2, 512, 8, 8, 64, true),
		attentionShape(1, 2048, 4, 4, 64, true),
		attentionShape(1, 2048, 4, 4, 64, false),
		attentionShape(1, 2048, 8, 2, 128, true),
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
			{"forward", NewAttention(set, z, 1), 4 * pairs * float64(z.K)},
			{"backward", NewAttentionGrad(set, z, 1), 10 * pairs * float64(z.K)},
		} {
			b.Run(name+"/"+plan.name, func(b *testing.B) {
				measure(b, 1, plan.p.Bind(o, make([]float32, plan.p.Scratch())), plan.flops)
			})
		}
	}
}
