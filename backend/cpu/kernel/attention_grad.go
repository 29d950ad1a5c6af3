package kernel

import "math"

// gradPhases lists the passes of the backward pass: one over groups, or one
// over queries and one over keys, which make the scores twice but are cut
// finer; and one for the gradient by the bias.
func (x *attentionRun) gradPhases() (phases []Phase) {
	z := &x.spec
	groups := z.B * z.G
	if x.together {
		phases = append(phases, Phase{Chunks: groups, Run: func(worker, group int) {
			x.backward(&x.state[worker], group, 0, z.T, 0, z.S, true, true)
		}})
	} else {
		parts, blocks := ceil(z.T, x.span), ceil(z.S, x.keys)
		phases = append(phases,
			Phase{Chunks: groups * parts, Run: func(worker, chunk int) {
				t := (parts - 1 - chunk%parts) * x.span // the most keys first, if causal
				x.backward(&x.state[worker], chunk/parts, t, min(t+x.span, z.T), 0, z.S, true, false)
			}},
			Phase{Chunks: groups * blocks, Run: func(worker, chunk int) {
				s := chunk % blocks * x.keys
				x.backward(&x.state[worker], chunk/blocks, 0, z.T, s, min(s+x.keys, z.S), false, true)
			}})
	}
	if x.DBias == nil {
		return phases
	}
	// One chunk for each part of the bias; it adds up what the part served.
	served := func(stride, n int) int {
		if stride == 0 {
			return 1
		}
		return n
	}
	samples, heads := served(z.BiasStride[0], z.B), served(z.BiasStride[1], z.H)
	blocks := served(z.BiasStride[2], ceil(z.T, blockQueries))
	return append(phases, Phase{Chunks: samples * heads * blocks, Run: func(worker, chunk int) {
		w := &x.state[worker]
		b, h, block := chunk/(heads*blocks), chunk/blocks%heads, chunk%blocks
		x.clearBias(b, h, block)
		for sample := b; sample < z.B; sample += samples {
			for head := h; head < z.H; head += heads {
				for t := block * blockQueries; t < z.T; t += blocks * blockQueries {
					x.biasGrad(w, sample, head, t)
				}
			}
		}
	}})
}

// backward adds up, of one sample and group, over queries ta to tb and keys sa
// to sb: the gradients by these queries, if queries, and by these keys and
// values, if keys.
func (x *attentionRun) backward(w *attentionWorker, group, ta, tb, sa, sb int, queries, keys bool) {
	z, heads := &x.spec, x.spec.H/x.spec.G
	b, g := group/z.G, group%z.G
	clear(w.touched)
	for s := sa; s < sb; s += x.keys {
		n := min(x.keys, sb-s)
		dk, dv := x.DK[z.key(b, s, g, z.LdK, z.K):], x.DV[z.key(b, s, g, z.LdV, z.V):]
		fresh := true // dk and dv
		seen := x.sees(b, ta, tb, s, n)
		if seen {
			x.packKeys(w, b, g, s, n)
			x.packValues(w, b, g, s, n)
		}
		for r := 0; seen && r < heads; r++ {
			for t := ta; t < tb; t += blockQueries {
				k := attentionBlock{b, g*heads + r, t, min(blockQueries, tb-t), s, n}
				if !x.intervals(w, k) {
					continue
				}
				x.weights(w, k, z.Scale, true)
				da, p := w.room[roomDeltas], w.room[roomScores]
				if queries {
					x.overKeys(w, k, w.touch(r, ta, t, tb), x.DQ[z.query(b, t, k.h, z.LdQ, z.K):], z.LdQ, da, x.K[z.key(b, s, g, z.LdK, z.K):], z.LdK, z.K)
				}
				if keys {
					x.overQueries(w, k, fresh, dk, z.LdK, da, x.Q[z.query(b, t, k.h, z.LdQ, z.K):], z.LdQ, z.K)
					x.overQueries(w, k, fresh, dv, z.LdV, p, x.DOut[z.query(b, t, k.h, z.H*z.V, z.V):], z.H*z.V, z.V)
					fresh = false
				}
			}
		}
		if keys && fresh {
			clearRows(dk, z.LdK, n, z.K)
			clearRows(dv, z.LdV, n, z.V)
		}
	}
	for r := 0; queries && r < heads; r++ {
		for t := ta; t < tb; t += blockQueries {
			if !w.touched[blockOf(r, ta, t, tb)] {
				clearRows(x.DQ[z.query(b, t, g*heads+r, z.LdQ, z.K):], z.LdQ, min(blockQueries, tb-t), z.K)
			}
		}
	}
}

// packValues packs values s to s+n of a group.
func (x *attentionRun) packValues(w *attentionWorker, b, g, s, n int) {
	z := &x.spec
	x.pack(w.room[roomValues], x.V[z.key(b, s, g, z.LdV, z.V):], n, z.V, z.LdV)
}

// weights makes the weights of a block, dropout included, and the gradient by
// its scores, times scale; if products, that by the products: the cap has its
// slope in it.
func (x *attentionRun) weights(w *attentionWorker, k attentionBlock, scale float32, products bool) {
	z, v := &x.spec, &x.set.Vec
	a, d := w.room[roomScores], w.room[roomDeltas]
	x.byKeys(w, k, a, x.Q[z.query(k.b, k.t, k.h, z.LdQ, z.K):], z.LdQ, w.room[roomKeys], z.K)
	x.byKeys(w, k, d, x.DOut[z.query(k.b, k.t, k.h, z.H*z.V, z.V):], z.H*z.V, w.room[roomValues], z.V)
	for i := range k.m {
		p, da := a[i*x.ld:][:k.n], d[i*x.ld:][:k.n]
		x.hide(w, p, i)
		x.hide(w, da, i)
		p, da = p[w.lo[i]:w.hi[i]], da[w.lo[i]:w.hi[i]]
		if len(p) == 0 {
			continue
		}
		var tangent []float32
		if z.Cap != 0 {
			tangent = w.room[roomTangent][i*x.ld:][:len(p)]
		}
		if x.general {
			x.adjust(w, k, i, p, tangent)
		}
		row := z.query(k.b, k.t+i, k.h, z.H, 1)
		lse := x.Lse[row]
		if lse < -math.MaxFloat32 { // no key: all are -Inf
			lse = 0
		}
		v.Run(ExpSub, p, p, nil, nil, lse, 1)
		if x.Draw != nil {
			x.draw(w, k, i)
			x.drop(w, da)
		}
		v.Run(NormMul, da, da, p, nil, x.Delta[row], scale)
		if products && z.Cap != 0 {
			v.Run(Square, tangent, tangent, nil, nil, 0, 0)
			v.Run(RSubS, tangent, tangent, nil, nil, 1, 0)
			v.Run(Mul, da, da, tangent, nil, 0, 0)
		}
		if x.Draw != nil {
			x.drop(w, p)
		}
	}
}

// biasRow is the row of the bias that query t of a sample and head has.
func (z *AttentionSpec) biasRow(b, h, t int) int {
	return b*z.BiasStride[0] + h*z.BiasStride[1] + t*z.BiasStride[2]
}

// clearBias zeroes a block of the gradient by the bias, or its one row.
func (x *attentionRun) clearBias(b, h, block int) {
	z := &x.spec
	t, n := block*blockQueries, 1
	if z.BiasStride[2] != 0 {
		n = min(blockQueries, z.T-t)
	}
	for i := range n {
		clear(x.DBias[z.biasRow(b, h, t+i):][:z.S])
	}
}

// biasGrad adds to the gradient by the bias what a block of queries from t on
// has.
func (x *attentionRun) biasGrad(w *attentionWorker, b, h, t int) {
	z, v := &x.spec, &x.set.Vec
	g := h / (z.H / z.G)
	for s := 0; s < z.S; s += x.keys {
		k := attentionBlock{b, h, t, min(blockQueries, z.T-t), s, min(x.keys, z.S-s)}
		if !x.intervals(w, k) {
			continue
		}
		x.packKeys(w, b, g, s, k.n)
		x.packValues(w, b, g, s, k.n)
		x.weights(w, k, 1, false)
		for i := range k.m {
			lo, hi := w.lo[i], w.hi[i]
			sum := x.DBias[z.biasRow(b, h, t+i)+s:][lo:hi]
			v.Run(Add, sum, sum, w.room[roomDeltas][i*x.ld+lo:], nil, 0, 0)
		}
	}
}
