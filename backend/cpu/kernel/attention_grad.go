package kernel

import "math"

// gradPhases lists the passes of the backward pass: one over groups, or spans of
// their keys, and the sum of what the spans have for the queries; and one for
// the gradient by the bias.
func (x *attentionRun) gradPhases() []Phase {
	z := &x.spec
	blocks := ceil(z.S, x.keys)
	phases := []Phase{{Chunks: z.B * z.G * x.spans, Run: func(worker, chunk int) {
		span := chunk % x.spans
		lo, hi := evenCut(blocks, x.spans, span)
		x.backward(&x.state[worker], chunk/x.spans, span, lo*x.keys, min(hi*x.keys, z.S))
	}}}
	if x.spans > 1 {
		parts := ceil(z.T, x.queries)
		phases = append(phases, Phase{Chunks: z.B * parts, Run: func(_, chunk int) {
			b, t := chunk/parts, chunk%parts*x.queries
			x.sumSpans(b, t, min(t+x.queries, z.T))
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
	parts := served(z.BiasStride[2], ceil(z.T, x.queries))
	return append(phases, Phase{Chunks: samples * heads * parts, Run: func(worker, chunk int) {
		w := &x.state[worker]
		b, h, part := chunk/(heads*parts), chunk/parts%heads, chunk%parts
		x.clearBias(b, h, part)
		for sample := b; sample < z.B; sample += samples {
			for head := h; head < z.H; head += heads {
				for t := part * x.queries; t < z.T; t += parts * x.queries {
					x.biasGrad(w, sample, head, t)
				}
			}
		}
	}})
}

// backward adds up, of one sample and group, over all queries and a span of
// keys, from sa to sb: the gradients by these keys and values, and by the
// queries what they owe to these keys.
func (x *attentionRun) backward(w *attentionWorker, group, span, sa, sb int) {
	z, heads := &x.spec, x.spec.H/x.spec.G
	b, g := group/z.G, group%z.G
	w.packed = attentionBlock{}
	da, p := w.room[roomDeltas], w.room[roomScores]
	for s := sa; s < sb; s += x.keys {
		n := min(x.keys, sb-s)
		keys, dk, dv := x.K[z.key(b, s, g, z.LdK, z.K):], x.DK[z.key(b, s, g, z.LdK, z.K):], x.DV[z.key(b, s, g, z.LdV, z.V):]
		fresh := true // dk and dv
		for r := range heads {
			for t := 0; t < z.T; t += x.queries {
				k := attentionBlock{b, g*heads + r, t, min(x.queries, z.T-t), s, n}
				if lo, hi := x.keysOf(k, 0, k.m); lo == hi {
					continue
				}
				x.packBoth(w, k, z.Scale)
				x.weights(w, k, true)
				rows, ldr := x.dense(w, keys, n, z.K, z.LdK)
				for j := 0; j < k.m; j += x.step {
					m := min(x.step, k.m-j)
					lo, hi := x.keysOf(k, j, m)
					if lo == hi {
						continue
					}
					dq, ld := x.queryGrad(span, b, t+j, k.h)
					first := max(x.position(b)+t+j-x.left, sa) // of the span's keys
					x.overKeys(w, k, lo, hi, j, m, first >= s, dq, ld, da[j:], rows, ldr, z.K)
				}
				rows, ldr = x.dense(w, x.Q[z.query(b, t, k.h, z.LdQ, z.K):], k.m, z.K, z.LdQ)
				x.overQueries(w, k, fresh, dk, z.LdK, da, rows, ldr, z.K)
				rows, ldr = x.dense(w, x.DOut[z.query(b, t, k.h, z.H*z.V, z.V):], k.m, z.V, z.H*z.V)
				x.overQueries(w, k, fresh, dv, z.LdV, p, rows, ldr, z.V)
				fresh = false
			}
		}
		if fresh {
			clearRows(dk, z.LdK, n, z.K)
			clearRows(dv, z.LdV, n, z.V)
		}
	}
	// What sees no key of the span owes nothing.
	for r := range heads {
		for t := 0; t < z.T; t += x.step {
			k := attentionBlock{b, g*heads + r, t, min(x.step, z.T-t), sa, sb - sa}
			if lo, hi := x.keysOf(k, 0, k.m); lo == hi {
				dq, ld := x.queryGrad(span, b, t, k.h)
				clearRows(dq, ld, k.m, z.K)
			}
		}
	}
}

// queryGrad is where a span adds up the gradient by queries from t on, and from
// one to the next.
func (x *attentionRun) queryGrad(span, b, t, h int) (dq []float32, ld int) {
	z := &x.spec
	if span == 0 {
		return x.DQ[z.query(b, t, h, z.LdQ, z.K):], z.LdQ
	}
	ld = z.H * z.K
	return x.shared[(span-1)*z.B*z.T*ld+z.query(b, t, h, ld, z.K):], ld
}

// sumSpans adds the spans' gradients by queries ta to tb up.
func (x *attentionRun) sumSpans(b, ta, tb int) {
	z := &x.spec
	for t := ta; t < tb; t++ {
		dq := x.DQ[z.query(b, t, 0, z.LdQ, z.K):][:z.H*z.K]
		for span := 1; span < x.spans; span++ {
			more, _ := x.queryGrad(span, b, t, 0)
			x.set.Vec.Run(Add, dq, dq, more, nil, 0, 0)
		}
	}
}

// overQueries adds to c, rows of keys ldc apart, the rows of y, of queries ldy
// apart, with the weights p of a block. If fresh, there is nothing yet that it
// could add to.
func (x *attentionRun) overQueries(w *attentionWorker, k attentionBlock, fresh bool, c []float32, ldc int, p, y []float32, ldy, width int) {
	t, g := &x.set.Tile, &w.seg
	g.rsa, g.csa, g.stepA = x.ld*floatBytes, floatBytes, t.Rows*x.ld*floatBytes
	g.rsb, g.ldc = ldy*floatBytes, ldc*floatBytes
	g.nseg, g.acc = 1, accumulate(fresh)
	end := min(k.n, x.length(k.b)-k.s)
	rows := t.Rows
	if x.whole(k, 0, k.m, 0, end) {
		rows = end
	}
	for i := 0; i < end; i += rows {
		n := min(rows, end-i)
		lo, hi := x.queriesOf(k, i, n)
		if lo == hi {
			if fresh {
				clearRows(c[i*ldc:], ldc, n, width)
			}
			continue
		}
		g.k = hi - lo
		for j := 0; j < width; j += t.Cols {
			g.a, g.b, g.c = at(p, i*x.ld+lo), at(y, lo*ldy+j), at(c, i*ldc+j)
			t.rows(n, min(t.Cols, width-j), g)
		}
	}
	if fresh && end < k.n {
		clearRows(c[end*ldc:], ldc, k.n-end, width)
	}
}

// packBoth packs the queries of a block, scaled, and the gradients by their
// results, times scale, and collects their lse and delta, if they aren't held.
func (x *attentionRun) packBoth(w *attentionWorker, k attentionBlock, scale float32) {
	held := k
	held.s, held.n = 0, 0
	if w.packed == held {
		return
	}
	w.packed = held
	z := &x.spec
	x.packQueries(w, k)
	x.pack(w.room[roomGrads], x.DOut[z.query(k.b, k.t, k.h, z.H*z.V, z.V):], k.m, z.V, z.H*z.V, scale)
	lse, delta := w.room[roomTop][:k.m], w.room[roomSum][:k.m]
	row := z.query(k.b, k.t, k.h, z.H, 1)
	for i := range lse {
		lse[i], delta[i] = x.Lse[row+i*z.H]*math.Log2E, x.Delta[row+i*z.H]*scale
		if lse[i] < -math.MaxFloat32 { // no key: all are -Inf
			lse[i] = 0
		}
	}
}

// weights makes the weights of a block, dropout included, and the gradient by
// its scores, times the scale that was packed; if products, that by the
// products: the cap has its slope in it.
func (x *attentionRun) weights(w *attentionWorker, k attentionBlock, products bool) {
	z, v := &x.spec, &x.set.Vec
	g := k.h / (z.H / z.G)
	keys, values := x.K[z.key(k.b, k.s, g, z.LdK, z.K):], x.V[z.key(k.b, k.s, g, z.LdV, z.V):]
	for j := 0; j < k.m; j += x.step {
		n := min(x.step, k.m-j)
		lo, hi := x.keysOf(k, j, n)
		if lo == hi {
			continue
		}
		p, da := w.room[roomScores][j:], w.room[roomDeltas][j:]
		x.byQueries(w, lo, hi, j, n, p, keys, z.LdK, w.room[roomQueries], z.K)
		x.byQueries(w, lo, hi, j, n, da, values, z.LdV, w.room[roomGrads], z.V)
		var tangent []float32
		if z.Cap != 0 {
			tangent = w.room[roomTangent]
		}
		if x.general {
			x.adjust(w, k, lo, hi, j, n, p, tangent)
		}
		x.hideLeft(k, lo, hi, j, n, p)
		if x.Draw != nil {
			x.draw(w, k, lo, hi, j, n)
			x.drop(w, lo, hi, n, da)
		}
		plain, bound := x.hidden(k, lo, hi, j)
		v.attention.weights(hi-lo, plain, x.ld, roundUp(n, scorePanel), bound,
			&p[lo*x.ld], &da[lo*x.ld], &w.room[roomTop][j], &w.room[roomSum][j])
		if products && z.Cap != 0 {
			for s := lo; s < hi; s++ {
				slope, row := tangent[s*x.ld:][:n], da[s*x.ld:][:n]
				v.Run(Square, slope, slope, nil, nil, 0, 0)
				v.Run(RSubS, slope, slope, nil, nil, 1, 0)
				v.Run(Mul, row, row, slope, nil, 0, 0)
			}
		}
		if x.Draw != nil {
			x.drop(w, lo, hi, n, p)
		}
	}
	x.clearMargins(w, k)
}

// clearMargins zeroes the weights beside those that were made, as far as
// products of whole groups of keys read them.
func (x *attentionRun) clearMargins(w *attentionWorker, k attentionBlock) {
	margin := x.set.Tile.Rows
	if x.whole(k, 0, k.m, 0, k.n) {
		return
	}
	for s := range k.n {
		lo, hi := x.queriesOf(k, s, 1)
		p, da := w.room[roomScores][s*x.ld:], w.room[roomDeltas][s*x.ld:]
		made := lo / x.step * x.step
		if lo >= k.m {
			made = k.m
		}
		if made > lo-margin {
			clear(p[max(0, lo-margin):made])
			clear(da[max(0, lo-margin):made])
		}
		if made := roundUp(hi, x.step); made < hi+margin && made < k.m {
			end := min(hi+margin, k.m)
			clear(p[made:end])
			clear(da[made:end])
		}
	}
}

// biasRow is the row of the bias that query t of a sample and head has.
func (z *AttentionSpec) biasRow(b, h, t int) int {
	return b*z.BiasStride[0] + h*z.BiasStride[1] + t*z.BiasStride[2]
}

// clearBias zeroes a block of the gradient by the bias, or its one row.
func (x *attentionRun) clearBias(b, h, part int) {
	z := &x.spec
	t, n := part*x.queries, 1
	if z.BiasStride[2] != 0 {
		n = min(x.queries, z.T-t)
	}
	for i := range n {
		clear(x.DBias[z.biasRow(b, h, t+i):][:z.S])
	}
}

// biasGrad adds to the gradient by the bias what a block of queries from t on
// has.
func (x *attentionRun) biasGrad(w *attentionWorker, b, h, t int) {
	z, v := &x.spec, &x.set.Vec
	w.packed = attentionBlock{}
	rows, ld := w.room[roomRows], x.rowLen()
	for s := 0; s < z.S; s += x.keys {
		k := attentionBlock{b, h, t, min(x.queries, z.T-t), s, min(x.keys, z.S-s)}
		if lo, hi := x.keysOf(k, 0, k.m); lo == hi {
			continue
		}
		x.packBoth(w, k, 1)
		x.weights(w, k, false)
		da := w.room[roomDeltas]
		if z.BiasStride[2] == 0 {
			sum := x.DBias[z.biasRow(b, h, t)+s:]
			for i := range min(k.n, x.length(b)-s) {
				lo, hi := x.queriesOf(k, i, 1)
				sum[i] += v.Sum(da[i*x.ld+lo : i*x.ld+hi])
			}
			continue
		}
		x.set.Tile.transpose(rows, ld, da, x.ld, k.n, k.m)
		for i := range k.m {
			lo, hi := x.keysOf(k, i, 1)
			sum := x.DBias[z.biasRow(b, h, t+i)+s:][lo:hi]
			v.Run(Add, sum, sum, rows[i*ld+lo:], nil, 0, 0)
		}
	}
}
