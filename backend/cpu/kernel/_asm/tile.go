package main

import (
	"fmt"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Offsets in the kernel package's type seg.
const (
	segA = 8 * iota
	segB
	segC
	segRsA
	segCsA
	segSegA
	segRsB
	segSegB
	segLdC
	segK
	segNSeg
	segAcc
	segReps
	segStepA
	segStepC
	segMask
	segLanes // 32 bytes
	segAhead = 160 + 8*(iota-17)
	segAhead2
	segAheadStep
	segFar
	segStepB
)

// tile writes the blocks of the matrix product and the copies for packing.
func tile(c *build.Context) {
	for _, wide := range []bool{true, false} {
		most := rows256
		if wide {
			most = rows512
		}
		for _, form := range []form{strided, alongK, alongM} {
			for vecs := 1; vecs <= 2; vecs++ {
				for m := 1; m <= most; m++ {
					(&block{Context: c, m: m, vecs: vecs, wide: wide, form: form}).write()
				}
			}
		}
	}
	transpose512(c)
	transpose256(c)
	split512(c, 1)
	split512(c, 2)
	split12(c)
	split256(c, rows256)
	split256(c, 16)
	add(c, "AVX512", zmm)
	add(c, "AVX2", ymm)
	peak(c, "AVX512", zmm, rows512*2)
	peak(c, "AVX2", ymm, rows256*2)
}

// The most rows of a block. AVX-512 has 32 registers: 24 sums, 2 of B, and
// the rest for elements of A. AVX2 has 16: 12 sums, 2 of B, 2 of A.
const (
	rows512 = 12
	rows256 = 6
)

// A form is a shape of operands that a block reads.
type form int

const (
	// strided is every A, and columns of which the last vector has some alone.
	strided form = iota
	// alongK has the steps of a row of A side by side, alongM the rows of a
	// step; all vectors of columns are full. Four steps are read at constant
	// distances: additions would take the places of multiply-adds, and so
	// would the masks of loads, which cost one each.
	alongK
	alongM
)

func (f form) String() string { return [...]string{"", "AlongK", "AlongM"}[f] }

// A block is one function: m rows by vecs vectors of columns.
type block struct {
	*build.Context
	m, vecs int
	// wide is AVX-512: vectors of 16, the columns under masks K1 and K2 if the
	// form is strided. Without, the last vector is under a mask then.
	wide bool
	form form
	name string

	c, ldc reg.Register
}

func (x *block) lanes() int {
	if x.wide {
		return 16
	}
	return 8
}

func (x *block) vec(i int) reg.VecPhysical {
	if x.wide {
		return zmm[i]
	}
	return ymm[i]
}

// sum is the accumulator of a row and a vector of columns.
func (x *block) sum(row, v int) reg.VecPhysical { return x.vec(row*x.vecs + v) }

// b is the register that holds a vector of B.
func (x *block) b(v int) reg.VecPhysical {
	if x.wide {
		return x.vec(rows512*2 + v)
	}
	return x.vec(rows256*2 + v)
}

// a is one of the registers that rows of A are broadcast to, in turn.
func (x *block) a(row int) reg.VecPhysical {
	if x.wide {
		return x.vec(rows512*2 + 2 + row%(30-rows512*2))
	}
	return x.vec(rows256*2 + 2 + row%2)
}

func (x *block) write() {
	isa := "AVX2"
	if x.wide {
		isa = "AVX512"
	}
	x.name = fmt.Sprintf("tile%dx%d%s%s", x.m, x.vecs*x.lanes(), isa, x.form)
	x.Function(x.name)
	x.Attributes(attr.NOSPLIT)
	x.SignatureExpr("func(s *[32]uint64)")
	x.Doc(x.name + " computes blocks of C, see Tile.mul.")
	x.Pragma("noescape")

	s := x.Load(x.Param("s"), reg.RAX)
	mem := func(off int) Mem { return Mem{Base: s, Disp: off} }
	rsa, csa, rsb, rsb3 := reg.R11, reg.R12, reg.R13, reg.R14
	k, segs, b := reg.RCX, reg.RDX, reg.RBX
	ahead, ahead2 := reg.R15, reg.RDI // RDI serves as well between loops
	bases := []reg.Register{reg.RSI, reg.R8, reg.R9, reg.R10}[:(x.m+2)/3]
	csa3 := reg.R8
	if x.form == alongM {
		bases = bases[:1]
	}
	// Of the current segment and block; the rest of the state is in registers.
	frame := x.AllocLocal(48)
	segA0, segB0, reps := frame, frame.Offset(8), frame.Offset(16)
	blockA, blockB, blockC := frame.Offset(24), frame.Offset(32), frame.Offset(40)
	move := func(from Op, to Mem) {
		x.MOVQ(from, reg.RDI)
		x.MOVQ(reg.RDI, to)
	}

	x.MOVQ(mem(segRsA), rsa)
	x.MOVQ(mem(segCsA), csa)
	x.MOVQ(mem(segRsB), rsb)
	if x.form != strided {
		x.LEAQ(Mem{Base: rsb, Index: rsb, Scale: 2}, rsb3)
	}
	if x.form == alongM {
		x.LEAQ(Mem{Base: csa, Index: csa, Scale: 2}, csa3)
	}
	x.MOVQ(mem(segAhead), ahead)
	move(mem(segA), blockA)
	move(mem(segB), blockB)
	move(mem(segC), blockC)
	move(mem(segReps), reps)
	if x.wide && x.form == strided {
		x.MOVQ(mem(segMask), reg.RDI)
		x.KMOVW(reg.EDI, reg.K1)
		if x.vecs == 2 {
			x.SHRQ(Imm(16), reg.RDI)
			x.KMOVW(reg.EDI, reg.K2)
		}
	}

	x.Label(x.name + "_block")
	if x.form != strided {
		x.CMPQ(mem(segFar), Imm(0))
		x.JE(LabelRef(x.name + "_near"))
		x.Comment("C is fetched meanwhile.")
		line, ldc := reg.RDI, reg.RDX
		x.MOVQ(blockC, line)
		x.MOVQ(mem(segLdC), ldc)
		for i := range x.m {
			x.PREFETCHT0(Mem{Base: line})
			x.PREFETCHT0(Mem{Base: line, Disp: 4*x.lanes()*x.vecs - 4})
			if i < x.m-1 {
				x.ADDQ(ldc, line)
			}
		}
		x.Label(x.name + "_near")
	}
	x.Comment("Sums are zero; the first segment begins.")
	for i := range x.m * x.vecs {
		if x.wide {
			x.VPXORD(x.vec(i), x.vec(i), x.vec(i))
		} else {
			x.VXORPS(x.vec(i), x.vec(i), x.vec(i))
		}
	}
	move(blockA, segA0)
	move(blockB, segB0)
	x.MOVQ(mem(segNSeg), segs)

	x.Label(x.name + "_segment")
	x.MOVQ(segA0, bases[0])
	x.MOVQ(segB0, b)
	if len(bases) > 1 {
		x.Comment("Rows 3i to 3i+2 of A are at base i plus 0, 1 and 2 strides.")
	}
	for i := 1; i < len(bases); i++ {
		x.LEAQ(Mem{Base: bases[i-1], Index: rsa, Scale: 2}, bases[i])
		x.ADDQ(rsa, bases[i])
	}
	x.MOVQ(mem(segSegA), reg.RDI)
	x.ADDQ(reg.RDI, segA0)
	x.MOVQ(mem(segSegB), reg.RDI)
	x.ADDQ(reg.RDI, segB0)
	// step does step q of the next four; B moves on after the last of n, and
	// so does A.
	step := func(q, n int) {
		for v := range x.vecs {
			x.loadB(stepped(Mem{Base: b, Disp: v * 4 * x.lanes()}, q, rsb, rsb3), v)
		}
		x.move(b, rsb, q, n)
		for i := range x.m {
			var a Mem
			if x.form == alongM {
				a = stepped(Mem{Base: bases[0], Disp: 4 * i}, q, csa, csa3)
			} else {
				a = Mem{Base: bases[i/3], Disp: 4 * q}
				if i%3 > 0 {
					a.Index, a.Scale = rsa, uint8(i%3)
				}
			}
			x.VBROADCASTSS(a, x.a(i))
			for v := range x.vecs {
				x.VFMADD231PS(x.b(v), x.a(i), x.sum(i, v))
			}
		}
		for _, p := range bases {
			if x.form == alongK {
				if q == n-1 {
					x.ADDQ(Imm(uint64(4*n)), p)
				}
				continue
			}
			x.move(p, csa, q, n)
		}
	}
	x.MOVQ(mem(segAhead2), ahead2)
	x.MOVQ(mem(segK), k)
	x.SUBQ(Imm(4), k)
	x.JL(LabelRef(x.name + "_rest"))
	x.Label(x.name + "_four")
	x.PREFETCHT1(Mem{Base: ahead})
	x.PREFETCHT1(Mem{Base: ahead, Index: ahead2, Scale: 1})
	x.ADDQ(mem(segAheadStep), ahead)
	for q := range 4 {
		if x.form == strided {
			step(0, 1)
		} else {
			step(q, 4)
		}
	}
	x.SUBQ(Imm(4), k)
	x.JGE(LabelRef(x.name + "_four"))
	x.Label(x.name + "_rest")
	x.ADDQ(Imm(4), k)
	x.JZ(LabelRef(x.name + "_next"))
	x.Label(x.name + "_one")
	step(0, 1)
	x.DECQ(k)
	x.JNZ(LabelRef(x.name + "_one"))
	x.Label(x.name + "_next")
	x.DECQ(segs)
	x.JNZ(LabelRef(x.name + "_segment"))

	x.Comment("The block is complete: add it to C, or store it.")
	x.c, x.ldc = reg.RDX, reg.RCX
	x.MOVQ(blockC, x.c)
	x.MOVQ(mem(segLdC), x.ldc)
	x.CMPQ(mem(segAcc), Imm(0))
	x.JE(LabelRef(x.name + "_set"))
	x.store(true)
	x.JMP(LabelRef(x.name + "_stored"))
	x.Label(x.name + "_set")
	x.store(false)
	x.Label(x.name + "_stored")
	x.DECQ(reps)
	x.JZ(LabelRef(x.name + "_done"))
	x.MOVQ(mem(segStepA), reg.RDI)
	x.ADDQ(reg.RDI, blockA)
	x.MOVQ(mem(segStepB), reg.RDI)
	x.ADDQ(reg.RDI, blockB)
	x.MOVQ(mem(segStepC), reg.RDI)
	x.ADDQ(reg.RDI, blockC)
	x.JMP(LabelRef(x.name + "_block"))
	x.Label(x.name + "_done")
	x.VZEROUPPER()
	x.RET()
}

// stepped is m, q strides further; three strides are in a register.
func stepped(m Mem, q int, stride, three reg.Register) Mem {
	switch q {
	case 1, 2:
		m.Index, m.Scale = stride, uint8(q)
	case 3:
		m.Index, m.Scale = three, 1
	}
	return m
}

// move adds n strides to p after step n-1.
func (x *block) move(p, stride reg.Register, q, n int) {
	switch {
	case q < n-1:
	case n == 1:
		x.ADDQ(stride, p)
	default:
		x.LEAQ(Mem{Base: p, Index: stride, Scale: uint8(n)}, p)
	}
}

// loadB loads a vector of B, lanes outside the columns as zero.
func (x *block) loadB(from Mem, v int) {
	switch {
	case x.form != strided || !x.wide && v < x.vecs-1:
		x.VMOVUPS(from, x.b(v))
	case x.wide:
		x.VMOVUPS_Z(from, mask[v], x.b(v))
	default:
		x.VMOVUPS(Mem{Base: reg.RAX, Disp: segLanes}, x.a(0))
		x.VMASKMOVPS(from, x.a(0), x.b(v))
	}
}

// store writes the sums to C, after adding what is there if acc.
func (x *block) store(acc bool) {
	masked := x.form == strided
	if masked && !x.wide {
		x.VMOVUPS(Mem{Base: reg.RAX, Disp: segLanes}, x.a(0))
	}
	for i := range x.m {
		for v := range x.vecs {
			to := Mem{Base: x.c, Disp: v * 4 * x.lanes()}
			sum := x.sum(i, v)
			switch {
			case masked && x.wide:
				if acc {
					x.VADDPS(to, sum, mask[v], sum)
				}
				x.VMOVUPS(sum, mask[v], to)
			case masked && v == x.vecs-1:
				if acc {
					x.VMASKMOVPS(to, x.a(0), x.a(1))
					x.VADDPS(x.a(1), sum, sum)
				}
				x.VMASKMOVPS(sum, x.a(0), to)
			default:
				if acc {
					x.VADDPS(to, sum, sum)
				}
				x.VMOVUPS(sum, to)
			}
		}
		if i < x.m-1 {
			x.ADDQ(x.ldc, x.c)
		}
	}
}

var mask = []reg.OpmaskPhysical{reg.K1, reg.K2}

var ymm = []reg.VecPhysical{
	reg.Y0, reg.Y1, reg.Y2, reg.Y3, reg.Y4, reg.Y5, reg.Y6, reg.Y7,
	reg.Y8, reg.Y9, reg.Y10, reg.Y11, reg.Y12, reg.Y13, reg.Y14, reg.Y15,
}

var zmm = []reg.VecPhysical{
	reg.Z0, reg.Z1, reg.Z2, reg.Z3, reg.Z4, reg.Z5, reg.Z6, reg.Z7,
	reg.Z8, reg.Z9, reg.Z10, reg.Z11, reg.Z12, reg.Z13, reg.Z14, reg.Z15,
	reg.Z16, reg.Z17, reg.Z18, reg.Z19, reg.Z20, reg.Z21, reg.Z22, reg.Z23,
	reg.Z24, reg.Z25, reg.Z26, reg.Z27, reg.Z28, reg.Z29, reg.Z30, reg.Z31,
}
