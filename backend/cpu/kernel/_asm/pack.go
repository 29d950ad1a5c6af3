package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// rowPointers fills a table in the frame with the addresses of n rows. Rows
// from rows on repeat the last, so that loads stay inside the matrix.
func rowPointers(c *build.Context, name string, n int, src, lds, rows reg.Register) Mem {
	table := c.AllocLocal(8 * n)
	left, p := reg.R12, reg.R13
	c.MOVQ(rows, left)
	c.MOVQ(src, p)
	for i := range n {
		c.MOVQ(p, table.Offset(8*i))
		if i == n-1 {
			break
		}
		c.DECQ(left)
		c.JLE(LabelRef(fmt.Sprintf("%s_row%d", name, i)))
		c.ADDQ(lds, p)
		c.Label(fmt.Sprintf("%s_row%d", name, i))
	}
	return table
}

// transpose512 transposes up to 16 rows. Four columns of rows i, i+4, i+8 and
// i+12 share a register, so that a transposition of 4x4 in each quarter
// leaves whole columns.
func transpose512(c *build.Context) {
	name := "transposeAVX512"
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(dst *float32, ldd int, src *float32, lds, rows, cols4 int)")
	c.Doc(name + " transposes rows <= 16 rows of 4*cols4 columns; strides in bytes.")
	c.Pragma("noescape")
	dst := c.Load(c.Param("dst"), reg.RDI)
	ldd := c.Load(c.Param("ldd"), reg.RDX)
	src := c.Load(c.Param("src"), reg.RSI)
	lds := c.Load(c.Param("lds"), reg.R8)
	rows := c.Load(c.Param("rows"), reg.RCX)
	n := c.Load(c.Param("cols4"), reg.RBX)
	table := rowPointers(c, name, 16, src, lds, rows)
	c.Comment("A stored column has as many elements as there are rows.")
	c.MOVQ(I32(-1), reg.RAX)
	c.SHLQ(reg.CL, reg.RAX)
	c.NOTQ(reg.RAX)
	c.KMOVW(reg.EAX, reg.K1)
	off, p := reg.R9, reg.R10
	c.XORQ(off, off)
	// columns transposes groups of four columns.
	columns := func(groups int) {
		in := func(g, i int) int { return 4*g + i }
		for i := range 4 {
			for lane := range 4 {
				c.MOVQ(table.Offset(8*(4*lane+i)), p)
				for g := range groups {
					from := Mem{Base: p, Index: off, Scale: 1, Disp: 16 * g}
					if lane == 0 {
						c.VMOVUPS(from, xmm[in(g, i)])
					} else {
						c.VINSERTF32X4(Imm(uint64(lane)), from, zmm[in(g, i)], zmm[in(g, i)])
					}
				}
			}
		}
		for g := range groups {
			r := func(i int) reg.VecPhysical { return zmm[in(g, i)] }
			t := zmm[16:20]
			c.VUNPCKLPS(r(1), r(0), t[0])
			c.VUNPCKHPS(r(1), r(0), t[1])
			c.VUNPCKLPS(r(3), r(2), t[2])
			c.VUNPCKHPS(r(3), r(2), t[3])
			c.VUNPCKLPD(t[2], t[0], r(0))
			c.VUNPCKHPD(t[2], t[0], r(1))
			c.VUNPCKLPD(t[3], t[1], r(2))
			c.VUNPCKHPD(t[3], t[1], r(3))
			for i := range 4 {
				c.VMOVUPS(r(i), reg.K1, Mem{Base: dst})
				c.ADDQ(ldd, dst)
			}
		}
		c.ADDQ(Imm(uint64(16*groups)), off)
	}
	c.SUBQ(Imm(4), n)
	c.JL(LabelRef(name + "_rest"))
	c.Label(name + "_sixteen")
	columns(4)
	c.SUBQ(Imm(4), n)
	c.JGE(LabelRef(name + "_sixteen"))
	c.Label(name + "_rest")
	c.ADDQ(Imm(4), n)
	c.JZ(LabelRef(name + "_done"))
	c.Label(name + "_four")
	columns(1)
	c.DECQ(n)
	c.JNZ(LabelRef(name + "_four"))
	c.Label(name + "_done")
	c.VZEROUPPER()
	c.RET()
}

// transpose256 is transpose512 for up to 8 rows.
func transpose256(c *build.Context) {
	name := "transposeAVX2"
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(dst *float32, ldd int, src *float32, lds, rows, cols4 int, mask *[8]int32)")
	c.Doc(name+" transposes rows <= 8 rows of 4*cols4 columns; strides in bytes;",
		"mask has the sign bit set for each row.")
	c.Pragma("noescape")
	dst := c.Load(c.Param("dst"), reg.RDI)
	ldd := c.Load(c.Param("ldd"), reg.RDX)
	src := c.Load(c.Param("src"), reg.RSI)
	lds := c.Load(c.Param("lds"), reg.R8)
	rows := c.Load(c.Param("rows"), reg.RCX)
	n := c.Load(c.Param("cols4"), reg.RBX)
	mask := c.Load(c.Param("mask"), reg.RAX)
	table := rowPointers(c, name, 8, src, lds, rows)
	c.VMOVUPS(Mem{Base: mask}, reg.Y15)
	off, p := reg.R9, reg.R10
	c.XORQ(off, off)
	// loop transposes four columns of 8 rows a turn.
	loop := func(label string, store func(v reg.VecPhysical)) {
		c.Label(label)
		for i := range 4 {
			c.MOVQ(table.Offset(8*i), p)
			c.VMOVUPS(Mem{Base: p, Index: off, Scale: 1}, xmm[i])
			c.MOVQ(table.Offset(8*(4+i)), p)
			c.VINSERTF128(Imm(1), Mem{Base: p, Index: off, Scale: 1}, ymm[i], ymm[i])
		}
		c.VUNPCKLPS(ymm[1], ymm[0], ymm[4])
		c.VUNPCKHPS(ymm[1], ymm[0], ymm[5])
		c.VUNPCKLPS(ymm[3], ymm[2], ymm[6])
		c.VUNPCKHPS(ymm[3], ymm[2], ymm[7])
		c.VUNPCKLPD(ymm[6], ymm[4], ymm[0])
		c.VUNPCKHPD(ymm[6], ymm[4], ymm[1])
		c.VUNPCKLPD(ymm[7], ymm[5], ymm[2])
		c.VUNPCKHPD(ymm[7], ymm[5], ymm[3])
		for i := range 4 {
			store(ymm[i])
			c.ADDQ(ldd, dst)
		}
		c.ADDQ(Imm(16), off)
		c.DECQ(n)
		c.JNZ(LabelRef(label))
		c.VZEROUPPER()
		c.RET()
	}
	c.CMPQ(rows, Imm(8))
	c.JL(LabelRef(name + "_masked"))
	loop(name+"_full", func(v reg.VecPhysical) { c.VMOVUPS(v, Mem{Base: dst}) })
	loop(name+"_masked", func(v reg.VecPhysical) { c.VMASKMOVPS(v, reg.Y15, Mem{Base: dst}) })
}

// add writes the sum of two arrays, in vectors of 16 or 8.
func add(c *build.Context, isa string, r []reg.VecPhysical) {
	name := "add" + isa
	lanes := int(r[0].Size()) / 4
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(dst, src *float32, vectors int)")
	c.Doc(fmt.Sprintf("%s adds vectors of %d floats of src to dst.", name, lanes))
	c.Pragma("noescape")
	dst := c.Load(c.Param("dst"), reg.RDI)
	src := c.Load(c.Param("src"), reg.RSI)
	n := c.Load(c.Param("vectors"), reg.RCX)
	c.Label(name + "_vector")
	c.VMOVUPS(Mem{Base: dst}, r[0])
	c.VADDPS(Mem{Base: src}, r[0], r[0])
	c.VMOVUPS(r[0], Mem{Base: dst})
	c.ADDQ(Imm(uint64(4*lanes)), dst)
	c.ADDQ(Imm(uint64(4*lanes)), src)
	c.DECQ(n)
	c.JNZ(LabelRef(name + "_vector"))
	c.VZEROUPPER()
	c.RET()
}

// peak writes the loop of multiply-adds in registers: as many sums as a block
// of the product has, each of which grows by one a step.
func peak(c *build.Context, isa string, r []reg.VecPhysical, sums int) {
	name := "peak" + isa
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(lanes, one *float32, steps int)")
	c.Doc(name + " adds one to each of its sums in every step, and writes a vector of their totals.")
	c.Pragma("noescape")
	lanes := c.Load(c.Param("lanes"), reg.RDI)
	one := c.Load(c.Param("one"), reg.RSI)
	n := c.Load(c.Param("steps"), reg.RCX)
	a, b := r[sums], r[sums+1]
	c.VBROADCASTSS(Mem{Base: one}, a)
	c.VBROADCASTSS(Mem{Base: one}, b)
	for _, sum := range r[:sums] {
		c.VSUBPS(a, a, sum)
	}
	c.Label(name + "_step")
	for _, sum := range r[:sums] {
		c.VFMADD231PS(a, b, sum)
	}
	c.DECQ(n)
	c.JNZ(LabelRef(name + "_step"))
	for _, sum := range r[1:sums] {
		c.VADDPS(sum, r[0], r[0])
	}
	c.VMOVUPS(r[0], Mem{Base: lanes})
	c.VZEROUPPER()
	c.RET()
}

// split512 copies rows to panels of up to 16 or 32 columns.
func split512(c *build.Context, vecs int) {
	name := fmt.Sprintf("split%dAVX512", 16*vecs)
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(dst *float32, ldd, panel int, src *float32, lds, rows, width, panels int, rest uint64)")
	c.Doc(fmt.Sprintf("%s copies rows to panels of width <= %d columns and one of those set in", name, 16*vecs),
		"rest, if any; strides in bytes.")
	c.Pragma("noescape")
	dst := c.Load(c.Param("dst"), reg.RDI)
	ldd := c.Load(c.Param("ldd"), reg.RDX)
	panel := c.Load(c.Param("panel"), reg.RBX)
	src := c.Load(c.Param("src"), reg.RSI)
	lds := c.Load(c.Param("lds"), reg.R8)
	n := c.Load(c.Param("rows"), reg.R9)
	width := c.Load(c.Param("width"), reg.RCX)
	panels := c.Load(c.Param("panels"), reg.R10)
	rest := c.Load(c.Param("rest"), reg.R11)
	from, to, left, bits := reg.R12, reg.R13, reg.R14, reg.RAX
	c.Comment("K1 and K2 are the columns of a panel, K3 and K4 those of the last.")
	c.MOVQ(I32(-1), bits)
	c.SHLQ(reg.CL, bits)
	c.NOTQ(bits)
	whole, last := []reg.OpmaskPhysical{reg.K1, reg.K2}, []reg.OpmaskPhysical{reg.K3, reg.K4}
	for v := range vecs {
		c.KMOVW(reg.EAX, whole[v])
		c.SHRQ(Imm(16), bits)
	}
	c.MOVQ(rest, bits)
	for v := range vecs {
		c.KMOVW(reg.EAX, last[v])
		c.SHRQ(Imm(16), bits)
	}
	c.SHLQ(Imm(2), width)
	move := func(mask []reg.OpmaskPhysical) {
		for v := range vecs {
			c.VMOVUPS_Z(Mem{Base: from, Disp: 64 * v}, mask[v], zmm[v])
		}
		for v := range vecs {
			c.VMOVUPS(zmm[v], mask[v], Mem{Base: to, Disp: 64 * v})
		}
	}
	c.Label(name + "_row")
	c.MOVQ(src, from)
	c.MOVQ(dst, to)
	c.MOVQ(panels, left)
	c.TESTQ(left, left)
	c.JZ(LabelRef(name + "_rest"))
	c.Label(name + "_panel")
	move(whole)
	c.ADDQ(width, from)
	c.ADDQ(panel, to)
	c.DECQ(left)
	c.JNZ(LabelRef(name + "_panel"))
	c.Label(name + "_rest")
	c.TESTQ(rest, rest)
	c.JZ(LabelRef(name + "_next"))
	move(last)
	c.Label(name + "_next")
	c.ADDQ(lds, src)
	c.ADDQ(ldd, dst)
	c.DECQ(n)
	c.JNZ(LabelRef(name + "_row"))
	c.VZEROUPPER()
	c.RET()
}

// split12 is split512 for whole panels of 12 columns, four rows at a time: these
// fill three vectors, where single rows would straddle cache lines.
func split12(c *build.Context) {
	name := "split12AVX512"
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(dst *float32, panel int, src *float32, lds, rows4, panels int)")
	c.Doc(name + " copies 4*rows4 rows to panels of 12 columns; strides in bytes.")
	c.Pragma("noescape")
	dst := c.Load(c.Param("dst"), reg.RDI)
	panel := c.Load(c.Param("panel"), reg.RBX)
	src := c.Load(c.Param("src"), reg.RSI)
	lds := c.Load(c.Param("lds"), reg.R8)
	n := c.Load(c.Param("rows4"), reg.R9)
	panels := c.Load(c.Param("panels"), reg.R10)
	lds3, from, to, left := reg.R11, reg.R12, reg.R13, reg.R14
	c.LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	// Vector v has the last lanes of row v and the first of row v+1.
	masks := [][2]reg.OpmaskPhysical{{reg.K1, reg.K2}, {reg.K3, reg.K4}, {reg.K5, reg.K6}}
	for v, pair := range masks {
		lanes := 12 - 4*v
		c.MOVL(I32(1<<lanes-1), reg.EAX)
		c.KMOVW(reg.EAX, pair[0])
		c.NOTL(reg.EAX)
		c.KMOVW(reg.EAX, pair[1])
	}
	row := func(r, floats int) Mem {
		m := Mem{Base: from, Disp: 4 * floats}
		switch r {
		case 1, 2:
			m.Index, m.Scale = lds, uint8(r)
		case 3:
			m.Index, m.Scale = lds3, 1
		}
		return m
	}
	c.Label(name + "_rows")
	c.MOVQ(src, from)
	c.MOVQ(dst, to)
	c.MOVQ(panels, left)
	c.Label(name + "_panel")
	for v, pair := range masks {
		c.VMOVUPS_Z(row(v, 4*v), pair[0], zmm[v])
		c.VMOVUPS(row(v+1, 4*v-12), pair[1], zmm[v])
	}
	for v := range masks {
		c.VMOVUPS(zmm[v], Mem{Base: to, Disp: 64 * v})
	}
	c.ADDQ(Imm(48), from)
	c.ADDQ(panel, to)
	c.DECQ(left)
	c.JNZ(LabelRef(name + "_panel"))
	c.LEAQ(Mem{Base: src, Index: lds, Scale: 4}, src)
	c.ADDQ(Imm(4*48), dst)
	c.DECQ(n)
	c.JNZ(LabelRef(name + "_rows"))
	c.VZEROUPPER()
	c.RET()
}

// split256 copies rows to panels of 6 or 16 columns.
func split256(c *build.Context, width int) {
	name := fmt.Sprintf("split%dAVX2", width)
	c.Function(name)
	c.Attributes(attr.NOSPLIT)
	c.SignatureExpr("func(dst *float32, ldd, panel int, src *float32, lds, rows, panels int)")
	c.Doc(fmt.Sprintf("%s copies rows to panels of %d columns; strides in bytes.", name, width))
	c.Pragma("noescape")
	dst := c.Load(c.Param("dst"), reg.RDI)
	ldd := c.Load(c.Param("ldd"), reg.RDX)
	panel := c.Load(c.Param("panel"), reg.RBX)
	src := c.Load(c.Param("src"), reg.RSI)
	lds := c.Load(c.Param("lds"), reg.R8)
	n := c.Load(c.Param("rows"), reg.R9)
	panels := c.Load(c.Param("panels"), reg.R10)
	from, to, left := reg.R12, reg.R13, reg.R14
	c.Label(name + "_row")
	c.MOVQ(src, from)
	c.MOVQ(dst, to)
	c.MOVQ(panels, left)
	c.Label(name + "_panel")
	if width == 16 {
		c.VMOVUPS(Mem{Base: from}, reg.Y0)
		c.VMOVUPS(Mem{Base: from, Disp: 32}, reg.Y1)
		c.VMOVUPS(reg.Y0, Mem{Base: to})
		c.VMOVUPS(reg.Y1, Mem{Base: to, Disp: 32})
	} else {
		c.VMOVUPS(Mem{Base: from}, reg.X0)
		c.VMOVSD(Mem{Base: from, Disp: 16}, reg.X1)
		c.VMOVUPS(reg.X0, Mem{Base: to})
		c.VMOVSD(reg.X1, Mem{Base: to, Disp: 16})
	}
	c.ADDQ(Imm(uint64(4*width)), from)
	c.ADDQ(panel, to)
	c.DECQ(left)
	c.JNZ(LabelRef(name + "_panel"))
	c.ADDQ(lds, src)
	c.ADDQ(ldd, dst)
	c.DECQ(n)
	c.JNZ(LabelRef(name + "_row"))
	c.VZEROUPPER()
	c.RET()
}

var xmm = []reg.VecPhysical{
	reg.X0, reg.X1, reg.X2, reg.X3, reg.X4, reg.X5, reg.X6, reg.X7,
	reg.X8, reg.X9, reg.X10, reg.X11, reg.X12, reg.X13, reg.X14, reg.X15,
}
