package jpeg

import (
	"encoding/binary"
	"errors"
)

// fastBits is the width of the table that most codes are found in. 9 and 10 are
// alike in BenchmarkDecode, 8 and 12 take 6 % longer.
const fastBits = 10

// A huffman table decodes the codes of at most fastBits bits by one look. An
// entry of fast is
//
//	value<<16 | size<<12 | run<<8 | bits
//
// bits to take, run of zeros before, size of the number that follows the code.
// Where the number itself lies within the fastBits, bits counts it in, value
// is it and size 0. 0 stands for a longer code.
type huffman struct {
	fast    [1 << fastBits]uint32
	top     [17]uint32 // first 16-bit number past the codes of a length
	offset  [17]int32  // of the codes of a length in symbols
	symbols [256]uint8
	defined bool
}

var errCodes = errors.New("a Huffman table has more codes than bits allow")

// build takes the number of codes of each length and the symbols in order.
// direct asks for numbers in entries: the table is one of AC coefficients.
func (t *huffman) build(counts, symbols []byte, direct bool) error {
	t.defined = true
	clear(t.fast[:])
	clear(t.symbols[:])
	copy(t.symbols[:], symbols)
	code, k := uint32(0), 0
	for length := 1; length <= 16; length++ {
		t.offset[length] = int32(k) - int32(code)
		for range counts[length-1] {
			if code >= 1<<length {
				return errCodes
			}
			if length <= fastBits {
				t.enter(code, length, symbols[k], direct)
			}
			code++
			k++
		}
		t.top[length] = code << (16 - length)
		code <<= 1
	}
	return nil
}

// enter fills the entries that begin with a code.
func (t *huffman) enter(code uint32, length int, symbol byte, direct bool) {
	run, size := uint32(symbol>>4), int(symbol&15)
	free := fastBits - length
	for rest := range uint32(1) << free {
		e := uint32(size)<<12 | run<<8 | uint32(length)
		if direct && size > 0 && size <= free {
			v := extend(int32(rest>>(free-size)), uint(size))
			e = uint32(v)<<16 | run<<8 | uint32(length+size)
		}
		t.fast[code<<free|rest] = e
	}
}

// extend gives a number of s bits its sign: those that begin with 0 are
// negative.
func extend(v int32, s uint) int32 {
	if v < 1<<s>>1 {
		v += -1<<s + 1
	}
	return v
}

// bits reads a segment. acc holds n bits, the next one on top; what is below
// them may be bits that come later. Past the end come zeros.
type bits struct {
	data []byte
	pos  int
	acc  uint64
	n    uint
}

// fill makes n at least 56.
func (b *bits) fill() {
	if b.pos+8 <= len(b.data) {
		b.acc |= binary.BigEndian.Uint64(b.data[b.pos:]) >> b.n
		b.pos += int(63-b.n) >> 3
		b.n |= 56
		return
	}
	for b.n <= 56 {
		if b.pos < len(b.data) {
			b.acc |= uint64(b.data[b.pos]) << (56 - b.n)
		}
		b.pos++
		b.n += 8
	}
}

// over tells whether more was read than there is.
func (b *bits) over() bool { return 8*b.pos-int(b.n) > 8*len(b.data) }

// take returns the next s bits, 0 <= s <= 16.
func (b *bits) take(s uint) int32 {
	if b.n < s {
		b.fill()
	}
	v := int32(b.acc >> 32 >> (32 - s))
	b.acc <<= s
	b.n -= s
	return v
}

// symbol returns the next symbol of a table.
func (b *bits) symbol(t *huffman) (byte, bool) {
	if b.n < 16 {
		b.fill()
	}
	if e := t.fast[b.acc>>(64-fastBits)]; e != 0 && e>>16 == 0 {
		b.acc <<= e & 63
		b.n -= uint(e & 63)
		return byte(e>>8&15<<4 | e>>12&15), true
	}
	s, length := t.slow(b.acc)
	if length == 0 {
		return 0, false
	}
	b.acc <<= length
	b.n -= length
	return s, true
}

// slow finds the code on top of acc by its length; 0 if there is none.
func (t *huffman) slow(acc uint64) (symbol byte, length uint) {
	top := uint32(acc >> 48)
	for length = 1; length <= 16; length++ {
		if top < t.top[length] {
			return t.symbols[uint8(int32(top>>(16-length))+t.offset[length])], length
		}
	}
	return 0, 0
}
