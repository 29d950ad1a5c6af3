package main

import (
	"fmt"

	"github.com/gradus-ml/gradus/backend/cpu/kernel/_asm/neon"
)

// tileNEON writes the blocks of the matrix product and the copies for packing
// for arm64.
func tileNEON(f *neon.File) {
	for vecs := 1; vecs <= 4; vecs++ {
		for m := 1; m <= rowsNEON; m++ {
			for _, part := range []bool{false, true} {
				b := blockNEON{m: m, vecs: vecs, part: part}
				b.write(f)
			}
		}
	}
	transposeNEON(f)
	splitNEON(f, rowsNEON)
	splitNEON(f, 16)
	addNEON(f)
	peakNEON(f)
}

// The most rows of a block: of 32 registers, 24 are sums, 4 hold a step of B,
// and the rest elements of A.
const rowsNEON = 6

// A blockNEON is one function: m rows by vecs vectors of four columns, of the
// last of which only some exist if part.
type blockNEON struct {
	*neon.Func
	m, vecs int
	part    bool

	sums [][]neon.V
	last neon.R // the number of columns in the last vector, if part
	tmp  neon.R
}

func (x *blockNEON) write(file *neon.File) {
	tail := ""
	if x.part {
		tail = "Part"
	}
	name := fmt.Sprintf("tile%dx%dNEON%s", x.m, 4*x.vecs, tail)
	x.Func = file.Func(name, "func(s *[32]uint64)", name+" computes blocks of C, see Tile.mul.")
	s := x.Param("s")
	field := func(off int) neon.R {
		r := x.R()
		x.Load(r, s, off)
		return r
	}
	x.tmp = x.R()
	csa, rsb := field(segCsA), field(segRsB)
	segStepOfA, segStepOfB := field(segSegA), field(segSegB)
	blockA, blockB, blockC, reps := field(segA), field(segB), field(segC), field(segReps)
	var ahead neon.R
	if x.part {
		x.last = field(segMask)
	} else {
		ahead = field(segAhead)
	}
	rows, ldc := make([]neon.R, x.m), neon.R{}
	if x.m > 1 {
		x.Comment("Row i of A is i strides behind row 0.")
		rows[1], ldc = field(segRsA), field(segLdC)
		for i := 2; i < x.m; i++ {
			rows[i] = x.R()
			x.Add(rows[i], rows[i-1], rows[1])
		}
	}
	x.sums = make([][]neon.V, x.m)
	for i := range x.sums {
		for range x.vecs {
			x.sums[i] = append(x.sums[i], x.V())
		}
	}

	x.Label("block")
	x.Comment("Sums are zero; the first segment begins.")
	for _, row := range x.sums {
		for _, sum := range row {
			x.Zero(sum)
		}
	}
	nextA, nextB, segs := x.R(), x.R(), field(segNSeg)
	x.Move(nextA, blockA)
	x.Move(nextB, blockB)

	x.Label("segment")
	a, b := x.R(), x.R()
	x.Move(a, nextA)
	x.Move(b, nextB)
	x.Add(nextA, nextA, segStepOfA)
	x.Add(nextB, nextB, segStepOfB)
	k := field(segK)
	step := func() {
		bs := x.loadRow(b)
		x.Add(b, b, rsb)
		// Elements of A are loaded three rows before they are used.
		const early = 3
		as := make([]neon.V, x.m)
		load := func(i int) {
			if i >= x.m {
				return
			}
			as[i] = x.V()
			if i == 0 {
				x.Load1(as[i], a, 0)
			} else {
				x.Load1At(as[i], a, rows[i])
			}
		}
		for i := range early {
			load(i)
		}
		for i, row := range x.sums {
			for v, sum := range row {
				x.FmlaLane(sum, bs[v], as[i], 0)
			}
			load(i + early)
		}
		x.Add(a, a, csa)
	}
	if !x.part {
		x.SubFlags(k, k, 4)
		x.Branch("BLT", "rest")
		x.Label("four")
		x.Prefetch(ahead)
		x.Load(x.tmp, s, segAhead2)
		x.Add(x.tmp, x.tmp, ahead)
		x.Prefetch(x.tmp)
		x.Load(x.tmp, s, segAheadStep)
		x.Add(ahead, ahead, x.tmp)
		for range 4 {
			step()
		}
		x.SubFlags(k, k, 4)
		x.Branch("BGE", "four")
		x.Label("rest")
		x.Add(k, k, 4)
		x.BranchZero("CBZ", k, "next")
	}
	x.Label("one")
	step()
	x.Sub(k, k, 1)
	x.BranchZero("CBNZ", k, "one")
	x.Label("next")
	x.Sub(segs, segs, 1)
	x.BranchZero("CBNZ", segs, "segment")

	x.Comment("The block is complete: add it to C, or store it.")
	c, acc := x.R(), field(segAcc)
	x.BranchZero("CBZ", acc, "set")
	x.Move(c, blockC)
	for i, row := range x.sums {
		old := x.loadRow(c)
		for v, sum := range row {
			x.Three(neon.FADD, sum, old[v], sum)
		}
		if i < x.m-1 {
			x.Add(c, c, ldc)
		}
	}
	x.Label("set")
	x.Move(c, blockC)
	for i, row := range x.sums {
		x.storeRow(row, c)
		if i < x.m-1 {
			x.Add(c, c, ldc)
		}
	}
	x.Sub(reps, reps, 1)
	x.BranchZero("CBZ", reps, "done")
	x.Load(x.tmp, s, segStepA)
	x.Add(blockA, blockA, x.tmp)
	x.Load(x.tmp, s, segStepB)
	x.Add(blockB, blockB, x.tmp)
	x.Load(x.tmp, s, segStepC)
	x.Add(blockC, blockC, x.tmp)
	x.Branch("B", "block")
	x.Label("done")
	x.Return()
}

// loadRow reads a row of columns of B or C; columns that do not exist are zero.
func (x *blockNEON) loadRow(from neon.R) []neon.V {
	row := make([]neon.V, x.vecs)
	for v := range row {
		row[v] = x.V()
	}
	whole := x.vecs
	if x.part {
		whole--
	}
	for v := 0; v < whole; v++ {
		if v+1 < whole {
			x.LoadPair(row[v], row[v+1], from, 16*v)
			v++
		} else {
			x.Load4(row[v], from, 16*v)
		}
	}
	if x.part {
		loadSome(x.Func, row[whole], from, 16*whole, x.last, x.tmp)
	}
	return row
}

func (x *blockNEON) storeRow(row []neon.V, to neon.R) {
	whole := x.vecs
	if x.part {
		whole--
	}
	for v := 0; v < whole; v++ {
		if v+1 < whole {
			x.StorePair(row[v], row[v+1], to, 16*v)
			v++
		} else {
			x.Store4(row[v], to, 16*v)
		}
	}
	if x.part {
		storeSome(x.Func, row[whole], to, 16*whole, x.last, x.tmp)
	}
}

// loadSome reads n floats, 1 to 3, at base + off; the other lanes are zero.
func loadSome(f *neon.Func, d neon.V, base neon.R, off int, n, tmp neon.R) {
	one, loaded := f.NewLabel("one"), f.NewLabel("loaded")
	f.BranchBit("TBZ", 1, n, one)
	f.Load2(d, base, off)
	f.BranchBit("TBZ", 0, n, loaded)
	f.Add(tmp, base, off+8)
	f.LoadLane(d, 2, tmp)
	f.Branch("B", loaded)
	f.Label(one)
	f.Load1(d, base, off)
	f.Label(loaded)
}

// storeSome writes n floats, 1 to 3, to base + off.
func storeSome(f *neon.Func, v neon.V, base neon.R, off int, n, tmp neon.R) {
	one, stored := f.NewLabel("one"), f.NewLabel("stored")
	f.BranchBit("TBZ", 1, n, one)
	f.Store2(v, base, off)
	f.BranchBit("TBZ", 0, n, stored)
	f.Add(tmp, base, off+8)
	f.StoreLane(v, 2, tmp)
	f.Branch("B", stored)
	f.Label(one)
	f.Store1(v, base, off)
	f.Label(stored)
}

// transpose4 transposes the matrix of 4 by 4 in r.
func transpose4(f *neon.Func, r [4]neon.V) [4]neon.V {
	var t, d [4]neon.V
	for i := range t {
		t[i], d[i] = f.V(), f.V()
	}
	f.Three(neon.TRN1, t[0], r[0], r[1])
	f.Three(neon.TRN2, t[1], r[0], r[1])
	f.Three(neon.TRN1, t[2], r[2], r[3])
	f.Three(neon.TRN2, t[3], r[2], r[3])
	f.Three(neon.TRN1D, d[0], t[0], t[2])
	f.Three(neon.TRN1D, d[1], t[1], t[3])
	f.Three(neon.TRN2D, d[2], t[0], t[2])
	f.Three(neon.TRN2D, d[3], t[1], t[3])
	return d
}

// transposeNEON transposes up to four rows, four columns a turn.
func transposeNEON(file *neon.File) {
	name := "transposeNEON"
	f := file.Func(name, "func(dst *float32, ldd int, src *float32, lds, rows, cols4 int)",
		name+" transposes rows <= 4 rows of 4*cols4 columns; strides in bytes.")
	dst, ldd, n, rows := f.Param("dst"), f.Param("ldd"), f.Param("cols4"), f.Param("rows")
	src := [4]neon.R{f.Param("src")}
	lds := f.Param("lds")
	tmp := f.R()
	for i := 1; i < 4; i++ {
		src[i] = f.R()
		f.Add(src[i], src[i-1], lds)
	}
	f.Compare(rows, 4)
	f.Branch("BLT", "part")
	f.Label("whole")
	var r [4]neon.V
	for i := range r {
		r[i] = f.V()
		f.Load4(r[i], src[i], 0)
		f.Add(src[i], src[i], 16)
	}
	for _, column := range transpose4(f, r) {
		f.Store4(column, dst, 0)
		f.Add(dst, dst, ldd)
	}
	f.Sub(n, n, 1)
	f.BranchZero("CBNZ", n, "whole")
	f.Return()
	f.Label("part")
	f.Comment("Rows that do not exist are the first again.")
	for i := 1; i < 4; i++ {
		exists := f.NewLabel("exists")
		f.Compare(rows, i)
		f.Branch("BGT", exists)
		f.Move(src[i], src[0])
		f.Label(exists)
	}
	f.Label("columns")
	for i := range r {
		r[i] = f.V()
		f.Load4(r[i], src[i], 0)
		f.Add(src[i], src[i], 16)
	}
	for _, column := range transpose4(f, r) {
		storeSome(f, column, dst, 0, rows, tmp)
		f.Add(dst, dst, ldd)
	}
	f.Sub(n, n, 1)
	f.BranchZero("CBNZ", n, "columns")
	f.Return()
}

// splitNEON copies rows to panels of 6 or 16 columns.
func splitNEON(file *neon.File, width int) {
	name := fmt.Sprintf("split%dNEON", width)
	f := file.Func(name, "func(dst *float32, ldd, panel int, src *float32, lds, rows, panels int)",
		fmt.Sprintf("%s copies rows to panels of %d columns; strides in bytes.", name, width))
	dst, ldd, panel := f.Param("dst"), f.Param("ldd"), f.Param("panel")
	src, lds, n, panels := f.Param("src"), f.Param("lds"), f.Param("rows"), f.Param("panels")
	from, to, left := f.R(), f.R(), f.R()
	f.Label("row")
	f.Move(from, src)
	f.Move(to, dst)
	f.Move(left, panels)
	f.Label("panel")
	a, b, c, d := f.V(), f.V(), f.V(), f.V()
	if width == 16 {
		f.LoadPair(a, b, from, 0)
		f.LoadPair(c, d, from, 32)
		f.StorePair(a, b, to, 0)
		f.StorePair(c, d, to, 32)
	} else {
		f.Load4(a, from, 0)
		f.Load2(b, from, 16)
		f.Store4(a, to, 0)
		f.Store2(b, to, 16)
	}
	f.Add(from, from, 4*width)
	f.Add(to, to, panel)
	f.Sub(left, left, 1)
	f.BranchZero("CBNZ", left, "panel")
	f.Add(src, src, lds)
	f.Add(dst, dst, ldd)
	f.Sub(n, n, 1)
	f.BranchZero("CBNZ", n, "row")
	f.Return()
}

// addNEON adds arrays, two vectors a turn.
func addNEON(file *neon.File) {
	name := "addNEON"
	f := file.Func(name, "func(dst, src *float32, pairs int)", name+" adds 8*pairs floats of src to dst.")
	dst, src, n := f.Param("dst"), f.Param("src"), f.Param("pairs")
	f.Label("pair")
	a, b, c, d := f.V(), f.V(), f.V(), f.V()
	f.LoadPair(a, b, dst, 0)
	f.LoadPair(c, d, src, 0)
	f.Three(neon.FADD, a, a, c)
	f.Three(neon.FADD, b, b, d)
	f.StorePair(a, b, dst, 0)
	f.Add(dst, dst, 32)
	f.Add(src, src, 32)
	f.Sub(n, n, 1)
	f.BranchZero("CBNZ", n, "pair")
	f.Return()
}

// peakNEON is the loop of multiply-adds in registers.
func peakNEON(file *neon.File) {
	name := "peakNEON"
	f := file.Func(name, "func(lanes, one *float32, steps int)",
		name+" adds one to each of its sums in every step, and writes a vector of their totals.")
	lanes, one, n := f.Param("lanes"), f.Param("one"), f.Param("steps")
	a, b := f.V(), f.V()
	f.LoadAll(a, one)
	f.LoadAll(b, one)
	var sums [4 * rowsNEON]neon.V
	for i := range sums {
		sums[i] = f.V()
		f.Zero(sums[i])
	}
	f.Label("step")
	for _, sum := range sums {
		f.FmlaLane(sum, a, b, 0)
	}
	f.Sub(n, n, 1)
	f.BranchZero("CBNZ", n, "step")
	for _, sum := range sums[1:] {
		f.Three(neon.FADD, sums[0], sums[0], sum)
	}
	f.Store4(sums[0], lanes, 0)
	f.Return()
}
