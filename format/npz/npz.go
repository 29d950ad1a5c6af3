// Package npz reads and writes the files of NumPy: .npy, one array, and .npz, a
// zip archive of them.
//
// A [File] reads the arrays' headers when it is opened and the arrays when they
// are asked for. Element types that tensors lack become the next larger: int8,
// int16 and uint16 are int32. Either order of bytes and of axes is read; arrays
// of objects, which would be code, of texts, complex numbers and structs are
// not.
//
// Source: NumPy 2, numpy/lib/_format_impl.py, formats 1.0 to 3.0.
package npz

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
)

// ErrUnsupported is wrapped by errors for arrays whose elements tensors do not
// have.
var ErrUnsupported = errors.New("unsupported")

// An Info describes an array in a file.
type Info struct {
	Descr   string // the element type as NumPy writes it: "<f4", "|u1"
	Shape   []int
	Fortran bool // the first axis is the innermost in the file
	// Offset is that of the elements: in the file, or -1 where they are
	// compressed.
	Offset    int64
	SizeBytes int64
}

const magic = "\x93NUMPY"

// maxHeader bounds the text that describes an array. NumPy's own are 128 bytes,
// but for structs of many fields.
const maxHeader = 1 << 16

// An element is what the letters of a descr mean.
type element struct {
	dtype dtype.DType
	size  int // bytes in the file
	widen func(b []byte) int64
}

var elements = map[string]element{
	"f4": {dtype: dtype.Float32, size: 4},
	"f8": {dtype: dtype.Float64, size: 8},
	"f2": {dtype: dtype.Float16, size: 2},
	"i4": {dtype: dtype.Int32, size: 4},
	"i8": {dtype: dtype.Int64, size: 8},
	"u1": {dtype: dtype.Uint8, size: 1},
	"u4": {dtype: dtype.Uint32, size: 4},
	"u8": {dtype: dtype.Uint64, size: 8},
	"b1": {dtype: dtype.Bool, size: 1},
	"i1": {dtype: dtype.Int32, size: 1, widen: func(b []byte) int64 { return int64(int8(b[0])) }},
	"i2": {dtype: dtype.Int32, size: 2, widen: func(b []byte) int64 { return int64(int16(uint16(b[0]) | uint16(b[1])<<8)) }},
	"u2": {dtype: dtype.Int32, size: 2, widen: func(b []byte) int64 { return int64(uint16(b[0]) | uint16(b[1])<<8) }},
}

// descrOf is what NumPy calls an element type.
func descrOf(dt dtype.DType) (string, bool) {
	for letters, e := range elements {
		if e.dtype == dt && e.widen == nil {
			if e.size == 1 {
				return "|" + letters, true
			}
			return "<" + letters, true
		}
	}
	return "", false
}

// element reads a descr: an order of bytes, a letter and a size.
func (i Info) element() (e element, bigEndian bool, err error) {
	if len(i.Descr) > 1 {
		e, ok := elements[i.Descr[1:]]
		if ok && strings.ContainsRune("<>|=", rune(i.Descr[0])) {
			return e, i.Descr[0] == '>' || i.Descr[0] == '=' && bigEndian, nil
		}
	}
	why := ""
	if strings.HasPrefix(i.Descr, "|O") {
		why = ": objects are pickled code; save arrays of numbers"
	}
	return e, false, fmt.Errorf("%w: elements %q%s", ErrUnsupported, i.Descr, why)
}

// DType is the element type of the array's tensor. The error wraps
// ErrUnsupported.
func (i Info) DType() (dtype.DType, error) {
	e, _, err := i.element()
	return e.dtype, err
}

// InPlace tells whether the elements lie in the file as they do in a tensor,
// but for the order of bytes, which is told too.
func (i Info) InPlace() (ok, bigEndian bool) {
	e, bigEndian, err := i.element()
	return err == nil && e.widen == nil && i.Offset >= 0 && (!i.Fortran || len(i.Shape) < 2), bigEndian
}

// parseHeader reads the text that describes an array: a Python dictionary with
// the keys descr, fortran_order and shape.
func parseHeader(text string) (Info, error) {
	p := &literal{s: text}
	info := Info{}
	seen := map[string]bool{}
	err := p.dict(func(key string) (err error) {
		if seen[key] {
			return fmt.Errorf("key %q appears twice", key)
		}
		seen[key] = true
		switch key {
		case "descr":
			if p.space(); p.peek() == '[' {
				return fmt.Errorf("%w: elements that are structs", ErrUnsupported)
			}
			info.Descr, err = p.str()
		case "fortran_order":
			info.Fortran, err = p.boolean()
		case "shape":
			info.Shape, err = p.tuple()
		default:
			err = fmt.Errorf("key %q, want descr, fortran_order and shape", key)
		}
		return err
	})
	if err == nil && len(seen) != 3 {
		err = errors.New("want the keys descr, fortran_order and shape")
	}
	if err == nil && strings.Trim(p.s[p.at:], " \n\x00") != "" {
		err = fmt.Errorf("%q after the header", p.s[p.at:])
	}
	return info, err
}

// A literal reads the few forms of Python's literals that headers hold.
type literal struct {
	s  string
	at int
}

func (p *literal) peek() byte {
	if p.at < len(p.s) {
		return p.s[p.at]
	}
	return 0
}

func (p *literal) space() {
	for p.peek() == ' ' || p.peek() == '\n' {
		p.at++
	}
}

// take passes over one byte.
func (p *literal) take(c byte) error {
	p.space()
	if p.peek() != c {
		return fmt.Errorf("%q, want %q", p.s[p.at:min(p.at+20, len(p.s))], c)
	}
	p.at++
	return nil
}

func (p *literal) dict(value func(key string) error) error {
	if err := p.take('{'); err != nil {
		return err
	}
	for {
		if p.space(); p.peek() == '}' {
			p.at++
			return nil
		}
		key, err := p.str()
		if err == nil {
			err = p.take(':')
		}
		if err == nil {
			err = value(key)
		}
		if err != nil {
			return err
		}
		if p.space(); p.peek() == ',' {
			p.at++
		} else if p.peek() != '}' {
			return p.take('}')
		}
	}
}

func (p *literal) str() (string, error) {
	p.space()
	quote := p.peek()
	if quote != '\'' && quote != '"' {
		return "", fmt.Errorf("%q, want a string", p.s[p.at:min(p.at+20, len(p.s))])
	}
	text, _, ok := strings.Cut(p.s[p.at+1:], string(quote))
	if !ok || strings.ContainsAny(text, "\\\n") {
		return "", errors.New("a string that does not end, or has escapes")
	}
	p.at += len(text) + 2
	return text, nil
}

func (p *literal) boolean() (bool, error) {
	p.space()
	for word, v := range map[string]bool{"True": true, "False": false} {
		if strings.HasPrefix(p.s[p.at:], word) {
			p.at += len(word)
			return v, nil
		}
	}
	return false, fmt.Errorf("%q, want True or False", p.s[p.at:min(p.at+20, len(p.s))])
}

// tuple reads numbers that are no less than 0. Python 2 ended long ones in L.
func (p *literal) tuple() ([]int, error) {
	list := []int{}
	if err := p.take('('); err != nil {
		return nil, err
	}
	for {
		if p.space(); p.peek() == ')' {
			p.at++
			return list, nil
		}
		begin := p.at
		for p.peek() >= '0' && p.peek() <= '9' {
			p.at++
		}
		n, err := strconv.ParseUint(p.s[begin:p.at], 10, strconv.IntSize-1)
		if err != nil {
			return nil, fmt.Errorf("%q, want a number up to %d", p.s[begin:min(p.at+20, len(p.s))], math.MaxInt)
		}
		list = append(list, int(n))
		if p.peek() == 'L' {
			p.at++
		}
		if p.space(); p.peek() == ',' {
			p.at++
		} else if p.peek() != ')' {
			return nil, p.take(')')
		}
	}
}

// sizeOf is the number of bytes that the elements take. Each partial product
// is checked.
func sizeOf(dims []int, size int) (int64, error) {
	n := int64(size)
	for _, d := range dims {
		if d > 0 && n > math.MaxInt64/int64(d) {
			return 0, fmt.Errorf("shape %v has too many elements", dims)
		}
		n *= int64(d)
	}
	return n, nil
}
