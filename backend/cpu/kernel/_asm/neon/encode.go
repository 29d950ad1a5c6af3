package neon

import "fmt"

// A Three is an instruction on three vectors of one shape; the destination
// may be an operand too. See the Arm manual for what each does.
type Three struct {
	name  string
	shape string
	code  uint32
	acc   bool // the destination is read
}

// Floats, four lanes.
var (
	FADD  = Three{"fadd", "4s", 0x4e20d400, false}
	FSUB  = Three{"fsub", "4s", 0x4ea0d400, false}
	FMUL  = Three{"fmul", "4s", 0x6e20dc00, false}
	FDIV  = Three{"fdiv", "4s", 0x6e20fc00, false}
	FMLA  = Three{"fmla", "4s", 0x4e20cc00, true} // d + n*m, rounded once
	FMLS  = Three{"fmls", "4s", 0x4ea0cc00, true} // d - n*m, rounded once
	FMAX  = Three{"fmax", "4s", 0x4e20f400, false}
	FMIN  = Three{"fmin", "4s", 0x4ea0f400, false}
	FCMEQ = Three{"fcmeq", "4s", 0x4e20e400, false}
	FCMGE = Three{"fcmge", "4s", 0x6e20e400, false}
	FCMGT = Three{"fcmgt", "4s", 0x6ea0e400, false}
)

// Integers and bits.
var (
	ADD  = Three{"add", "4s", 0x4ea08400, false}
	ADD2 = Three{"add", "2d", 0x4ee08400, false}
	SUB  = Three{"sub", "4s", 0x6ea08400, false}
	SMIN = Three{"smin", "4s", 0x4ea06c00, false}
	CMEQ = Three{"cmeq", "4s", 0x6ea08c00, false}
	CMGT = Three{"cmgt", "4s", 0x4ea03400, false} // signed
	AND  = Three{"and", "16b", 0x4e201c00, false}
	BIC  = Three{"bic", "16b", 0x4e601c00, false} // n and not m
	ORR  = Three{"orr", "16b", 0x4ea01c00, false}
	ORN  = Three{"orn", "16b", 0x4ee01c00, false} // n or not m
	EOR  = Three{"eor", "16b", 0x6e201c00, false}
	BSL  = Three{"bsl", "16b", 0x6e601c00, true} // n where d, else m
	BIT  = Three{"bit", "16b", 0x6ea01c00, true} // n where m, else d
)

// Lanes.
var (
	UZP1  = Three{"uzp1", "4s", 0x4e801800, false}
	UZP2  = Three{"uzp2", "4s", 0x4e805800, false}
	TRN1  = Three{"trn1", "4s", 0x4e802800, false}
	TRN2  = Three{"trn2", "4s", 0x4e806800, false}
	TRN1D = Three{"trn1", "2d", 0x4ec02800, false}
	TRN2D = Three{"trn2", "2d", 0x4ec06800, false}
)

// A Two is an instruction of one operand.
type Two struct {
	name, shape, tail string
	code              uint32
}

var (
	FSQRT  = Two{"fsqrt", "4s", "", 0x6ea1f800}
	FABS   = Two{"fabs", "4s", "", 0x4ea0f800}
	FNEG   = Two{"fneg", "4s", "", 0x6ea0f800}
	FRINTN = Two{"frintn", "4s", "", 0x4e218800} // to nearest, halves to even
	FRINTM = Two{"frintm", "4s", "", 0x4e219800} // down
	FRINTP = Two{"frintp", "4s", "", 0x4ea18800} // up
	FRINTZ = Two{"frintz", "4s", "", 0x4ea19800} // towards zero
	FCVTNS = Two{"fcvtns", "4s", "", 0x4e21a800} // nearest integer
	SCVTF  = Two{"scvtf", "4s", "", 0x4e21d800}
	FCMEQ0 = Two{"fcmeq", "4s", ", #0.0", 0x4ea0d800}
	FCMGT0 = Two{"fcmgt", "4s", ", #0.0", 0x4ea0c800}
	FCMLT0 = Two{"fcmlt", "4s", ", #0.0", 0x4ea0e800}
	FCMLE0 = Two{"fcmle", "4s", ", #0.0", 0x6ea0d800}
)

// Three writes d = op(n, m), or d = op(d, n, m).
func (f *Func) Three(op Three, d, n, m V) {
	i := f.word(func() (uint32, string) {
		return op.code | m.bits(16) | n.bits(5) | d.bits(0),
			fmt.Sprintf("%s v%d.%[3]s, v%[4]d.%[3]s, v%[5]d.%[3]s", op.name, d.number, op.shape, n.number, m.number)
	})
	i.reads, i.writes = regs(n, m), regs(d)
	if op.acc {
		i.reads = regs(n, m, d)
	}
	f.add(i)
}

// Two writes d = op(n).
func (f *Func) Two(op Two, d, n V) {
	i := f.word(func() (uint32, string) {
		return op.code | n.bits(5) | d.bits(0),
			fmt.Sprintf("%s v%d.%[3]s, v%[4]d.%[3]s%[5]s", op.name, d.number, op.shape, n.number, op.tail)
	})
	i.reads, i.writes = regs(n), regs(d)
	f.add(i)
}

// FmlaLane adds the product of n and a lane of m to d, rounded once.
func (f *Func) FmlaLane(d, n, m V, lane int) {
	l := uint32(lane)
	i := f.word(func() (uint32, string) {
		return 0x4f801000 | l&1<<21 | l>>1<<11 | m.bits(16) | n.bits(5) | d.bits(0),
			fmt.Sprintf("fmla v%d.4s, v%d.4s, v%d.s[%d]", d.number, n.number, m.number, lane)
	})
	i.reads, i.writes = regs(n, m, d), regs(d)
	f.add(i)
}

// Copy copies a vector.
func (f *Func) Copy(d, n V) {
	i := f.word(func() (uint32, string) {
		return ORR.code | n.bits(16) | n.bits(5) | d.bits(0), fmt.Sprintf("mov v%d.16b, v%d.16b", d.number, n.number)
	})
	i.reads, i.writes, i.move = regs(n), regs(d), true
	f.add(i)
}

// Zero sets all lanes to zero.
func (f *Func) Zero(d V) {
	i := f.word(func() (uint32, string) { return 0x6f00e400 | d.bits(0), fmt.Sprintf("movi v%d.2d, #0", d.number) })
	i.writes = regs(d)
	f.add(i)
}

// Shl, Ushr and Sshr shift lanes of 32 bits to the left, and to the right
// without and with sign.
func (f *Func) Shl(d, n V, by int)  { f.shift("shl", 0x4f005400, 32+by, by, d, n) }
func (f *Func) Ushr(d, n V, by int) { f.shift("ushr", 0x6f000400, 64-by, by, d, n) }
func (f *Func) Sshr(d, n V, by int) { f.shift("sshr", 0x4f000400, 64-by, by, d, n) }

func (f *Func) shift(name string, code uint32, imm, by int, d, n V) {
	i := f.word(func() (uint32, string) {
		return code | uint32(imm)<<16 | n.bits(5) | d.bits(0), fmt.Sprintf("%s v%d.4s, v%d.4s, #%d", name, d.number, n.number, by)
	})
	i.reads, i.writes = regs(n), regs(d)
	f.add(i)
}

// Umull multiplies lanes 0 and 1 of n and m to numbers of 64 bits, or lanes 2
// and 3 if high.
func (f *Func) Umull(high bool, d, n, m V) {
	i := f.word(func() (uint32, string) {
		if high {
			return 0x6ea0c000 | m.bits(16) | n.bits(5) | d.bits(0), fmt.Sprintf("umull2 v%d.2d, v%d.4s, v%d.4s", d.number, n.number, m.number)
		}
		return 0x2ea0c000 | m.bits(16) | n.bits(5) | d.bits(0), fmt.Sprintf("umull v%d.2d, v%d.2s, v%d.2s", d.number, n.number, m.number)
	})
	i.reads, i.writes = regs(n, m), regs(d)
	f.add(i)
}

// Ext sets d to lanes by, by+1, ... of n followed by m.
func (f *Func) Ext(d, n, m V, by int) {
	i := f.word(func() (uint32, string) {
		return 0x6e000000 | m.bits(16) | uint32(4*by)<<11 | n.bits(5) | d.bits(0),
			fmt.Sprintf("ext v%d.16b, v%d.16b, v%d.16b, #%d", d.number, n.number, m.number, 4*by)
	})
	i.reads, i.writes = regs(n, m), regs(d)
	f.add(i)
}

// dup copies a lane of n to every lane of d.
func dup(d, n V, lane int) instruction {
	i := (*Func)(nil).word(func() (uint32, string) {
		return 0x4e000400 | uint32(lane<<3|4)<<16 | n.bits(5) | d.bits(0), fmt.Sprintf("dup v%d.4s, v%d.s[%d]", d.number, n.number, lane)
	})
	i.reads, i.writes = regs(n), regs(d)
	return i
}

// DupGeneral copies the low 32 bits of r to every lane of d, or all of r to
// both halves if wide.
func (f *Func) DupGeneral(wide bool, d V, r R) {
	i := f.word(func() (uint32, string) {
		if wide {
			return 0x4e080c00 | r.bits(5) | d.bits(0), fmt.Sprintf("dup v%d.2d, x%d", d.number, r.number)
		}
		return 0x4e040c00 | r.bits(5) | d.bits(0), fmt.Sprintf("dup v%d.4s, w%d", d.number, r.number)
	})
	i.reads, i.writes = []*register{r.register}, regs(d)
	f.add(i)
}

// A transfer is a load or store of a register at base + offset.
type transfer struct {
	name  string
	kind  string
	code  uint32
	size  int
	store bool
}

var (
	ldrQ = transfer{"ldr", "q", 0x3dc00000, 16, false}
	ldrD = transfer{"ldr", "d", 0xfd400000, 8, false}
	ldrS = transfer{"ldr", "s", 0xbd400000, 4, false}
	strQ = transfer{"str", "q", 0x3d800000, 16, true}
	strD = transfer{"str", "d", 0xfd000000, 8, true}
	strS = transfer{"str", "s", 0xbd000000, 4, true}
)

func access(t transfer, v V, base R, off int) instruction {
	if off%t.size != 0 || off < 0 || off/t.size >= 1<<12 {
		panic(fmt.Sprintf("neon: offset %d of %s %s", off, t.name, t.kind))
	}
	i := (*Func)(nil).word(func() (uint32, string) {
		text := fmt.Sprintf("%s %s%d, [x%d]", t.name, t.kind, v.number, base.number)
		if off != 0 {
			text = fmt.Sprintf("%s %s%d, [x%d, #%d]", t.name, t.kind, v.number, base.number, off)
		}
		return t.code | uint32(off/t.size)<<10 | base.bits(5) | v.bits(0), text
	})
	i.reads = []*register{base.register}
	if t.store {
		i.reads = append(i.reads, v.register)
	} else {
		i.writes = regs(v)
	}
	return i
}

// Load4, Load2 and Load1 read that many floats at base + off bytes, and set
// the lanes above to zero. Store4, Store2 and Store1 write the low lanes.
func (f *Func) Load4(d V, base R, off int)  { f.add(access(ldrQ, d, base, off)) }
func (f *Func) Load2(d V, base R, off int)  { f.add(access(ldrD, d, base, off)) }
func (f *Func) Load1(d V, base R, off int)  { f.add(access(ldrS, d, base, off)) }
func (f *Func) Store4(v V, base R, off int) { f.add(access(strQ, v, base, off)) }
func (f *Func) Store2(v V, base R, off int) { f.add(access(strD, v, base, off)) }
func (f *Func) Store1(v V, base R, off int) { f.add(access(strS, v, base, off)) }

// Load4At and Load1At are loads at base + index; Store4At and Store1At stores.
func (f *Func) Load4At(d V, base, index R)  { f.indexed(ldrQ, 0x3ce06800, d, base, index) }
func (f *Func) Load1At(d V, base, index R)  { f.indexed(ldrS, 0xbc606800, d, base, index) }
func (f *Func) Store4At(v V, base, index R) { f.indexed(strQ, 0x3ca06800, v, base, index) }
func (f *Func) Store1At(v V, base, index R) { f.indexed(strS, 0xbc206800, v, base, index) }

func (f *Func) indexed(t transfer, code uint32, v V, base, index R) {
	i := f.word(func() (uint32, string) {
		return code | index.bits(16) | base.bits(5) | v.bits(0),
			fmt.Sprintf("%s %s%d, [x%d, x%d]", t.name, t.kind, v.number, base.number, index.number)
	})
	i.reads = []*register{base.register, index.register}
	if t.store {
		i.reads = append(i.reads, v.register)
	} else {
		i.writes = regs(v)
	}
	f.add(i)
}

// LoadPair reads eight floats at base + off bytes, StorePair writes them.
func (f *Func) LoadPair(d0, d1 V, base R, off int) {
	i := f.pair("ldp", 0xad400000, d0, d1, base, off)
	i.reads, i.writes = []*register{base.register}, regs(d0, d1)
	f.add(i)
}

func (f *Func) StorePair(v0, v1 V, base R, off int) {
	i := f.pair("stp", 0xad000000, v0, v1, base, off)
	i.reads = append(regs(v0, v1), base.register)
	f.add(i)
}

func (f *Func) pair(name string, code uint32, v0, v1 V, base R, off int) instruction {
	if off%16 != 0 || off < 0 || off/16 >= 64 {
		panic(fmt.Sprintf("neon: offset %d of %s", off, name))
	}
	return f.word(func() (uint32, string) {
		text := fmt.Sprintf("%s q%d, q%d, [x%d]", name, v0.number, v1.number, base.number)
		if off != 0 {
			text = fmt.Sprintf("%s q%d, q%d, [x%d, #%d]", name, v0.number, v1.number, base.number, off)
		}
		return code | uint32(off/16)<<15 | v1.bits(10) | base.bits(5) | v0.bits(0), text
	})
}

// LoadLane reads one float at base into a lane, StoreLane writes a lane.
func (f *Func) LoadLane(d V, lane int, base R) {
	i := f.lane("ld1", 0x0d408000, d, lane, base)
	i.reads, i.writes = []*register{d.register, base.register}, regs(d)
	f.add(i)
}

func (f *Func) StoreLane(v V, lane int, base R) {
	i := f.lane("st1", 0x0d008000, v, lane, base)
	i.reads = []*register{v.register, base.register}
	f.add(i)
}

func (f *Func) lane(name string, code uint32, v V, lane int, base R) instruction {
	return f.word(func() (uint32, string) {
		l := uint32(lane)
		return code | l>>1<<30 | l&1<<12 | base.bits(5) | v.bits(0), fmt.Sprintf("%s {v%d.s}[%d], [x%d]", name, v.number, lane, base.number)
	})
}

// LoadAll reads one float at base into every lane.
func (f *Func) LoadAll(d V, base R) {
	i := f.word(func() (uint32, string) {
		return 0x4d40c800 | base.bits(5) | d.bits(0), fmt.Sprintf("ld1r {v%d.4s}, [x%d]", d.number, base.number)
	})
	i.reads, i.writes = []*register{base.register}, regs(d)
	f.add(i)
}

// word returns an encoded instruction.
func (*Func) word(encode func() (uint32, string)) instruction {
	return instruction{text: func() string {
		code, text := encode()
		return fmt.Sprintf("WORD $0x%08x // %s", code, text)
	}}
}

// bits returns the number of the register, shifted to its field.
func (r *register) bits(shift int) uint32 { return uint32(r.number) << shift }

func regs(v ...V) (list []*register) {
	for _, x := range v {
		list = append(list, x.register)
	}
	return list
}
