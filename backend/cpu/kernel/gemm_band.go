package kernel

// A bandPlan cuts a product into bands, rows of C with all columns. A block of
// rows of A, in the first cache, meets all panels of B, which stay in the
// second: A and C are walked through once, in the order of memory.
type bandPlan struct {
	work  work // the blocks of rows of all batches
	sizeA int  // floats of A packed by one worker
	sizeB int  // floats of the packed B
}

// bandBlocks is the number of blocks of rows of a transposed A that are packed
// together: they share the lines of a step.
const bandBlocks = 4

func (g *Gemm) planBands() {
	s, t, b := &g.spec, g.tile, &g.bands
	nanos := float64(t.Rows) * float64(s.K) * float64(s.N) / t.Speed
	b.work = cut(ceil(s.M, t.Rows)*s.Batch, nanos, g.workers)
	if g.blocks > 1 {
		// Every chunk brings all blocks of B to the second cache.
		b.work.chunks = min(b.work.chunks, 4*g.workers)
	}
	if g.packA {
		b.sizeA = bandBlocks * t.Rows * g.depth
	}
	if g.packB {
		b.sizeB = g.blocks * ceil(s.N, t.Cols) * g.panelSize()
	}
}

// bandPhases packs B, if it must be, and does the bands.
func (x *gemmRun) bandPhases() []Phase {
	v := &regionRun{gemmRun: x, n: x.spec.N}
	bands := Phase{Chunks: x.bands.work.chunks, Run: v.band}
	if x.packB {
		return []Phase{v.packing(), bands}
	}
	return []Phase{bands}
}

// band computes the bands of a chunk.
func (v *regionRun) band(worker, chunk int) {
	s, t := &v.spec, v.tile
	blocks := ceil(s.M, t.Rows)
	lo, hi := v.bands.work.span(chunk)
	for lo < hi {
		// The blocks of the chunk that belong to one matrix.
		batch, first := lo/blocks, lo%blocks
		count := min(hi-lo, blocks-first)
		i0, i1 := first*t.Rows, min((first+count)*t.Rows, s.M)
		for p := range v.blocks {
			for i := i0; i < i1; i += bandBlocks * t.Rows {
				v.bandBlock(worker, batch, i, min(bandBlocks*t.Rows, i1-i), p)
			}
		}
		if v.after != nil {
			v.after(worker, batch, i0, i1, 0, s.N)
		}
		lo += count
	}
}

// bandBlock adds block p of K to m rows of C from row i on.
func (v *regionRun) bandBlock(worker, batch, i, m, p int) {
	s, t, g, b := &v.spec, v.tile, &v.segs[worker], &v.bands
	packed := v.scratch[b.sizeB+worker*b.sizeA:][:b.sizeA]
	k0, k := v.block(p)
	if v.packA {
		v.copyA(packed, batch, i, m, p)
	}
	for r := 0; r < m; r += t.Rows {
		if v.packA {
			v.setPacked(g, packed[r*v.depth:])
		} else {
			v.setA(g, batch, i+r, k0)
		}
		if v.packB || s.PackedB {
			g.b, g.rsb, g.stepB = at(v.panelsB(s.N, p, 0), 0), t.Cols*floatBytes, v.panelSize()*floatBytes
		} else {
			g.b, g.rsb, g.stepB = at(v.b, batch*s.StrideB+k0*s.LdB), s.LdB*floatBytes, t.Cols*floatBytes
		}
		v.setC(g, batch, i+r, 0, p, k)
		t.columns(min(t.Rows, m-r), s.N, g)
	}
}
