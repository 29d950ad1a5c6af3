// Package jsondoc reads the JSON of requests and writes that of answers. A
// document becomes a list of small nodes, in which a regular array of numbers,
// however deeply it is nested, is one node beside a slice of numbers. It takes a
// small multiple of the text's memory, whatever the text is.
//
// What is read is JSON as RFC 8259 has it, and no more: no comments, no NaN, no
// comma at the end. Beyond that a key may stand only once in an object, strings
// are valid UTF-8, and no escape stands for half a character.
package jsondoc

import (
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"github.com/gradus-ml/gradus/serve/engine"
)

// A Kind is what a value is.
type Kind uint8

// The kinds.
const (
	Null Kind = iota
	Bool
	Number
	String
	Array
	Object
)

var kinds = [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}

// String is the kind with its article, as messages need it.
func (k Kind) String() string { return kinds[k] }

// A Document is JSON that was read. It refers to the text, which must not change
// while it is used. It is safe for concurrent use until it is freed.
type Document struct {
	src    []byte
	nodes  []node
	nums   []float64 // of dense arrays
	exact  []exact   // those of nums that float64 can't hold, by place
	dims   []int     // of dense arrays
	text   []byte    // of strings with escapes
	frames []frame   // of the parser
}

// A node is a value, or a key. Those within an array or object follow it.
type node struct {
	kind  Kind
	form  form
	rank  uint8 // of a dense array
	start uint32
	// Number: the 64 bits of its form. String: begin and length. Dense array: where
	// numbers and extents begin. Other array, object: number of values, and the
	// node after the last one within.
	a, b uint32
}

// A form says how a node holds its value.
type form uint8

const (
	plain    form = iota // Bool: false. Number: a float64. String: in the text. Array: of nodes
	yes                  // Bool: true
	positive             // Number: a uint64 that float64 can't hold
	negative             // Number: the magnitude of an int64 that float64 can't hold
	escaped              // String: unescaped, in Document.text
	dense                // Array: of numbers, regularly nested
)

// exact is an integer of a dense array that float64 can't hold.
type exact struct {
	at        int
	magnitude uint64
	negative  bool
}

var documents = sync.Pool{New: func() any { return new(Document) }}

// Free gives the memory of a document to the next one; no value of it may be
// used any more. It need not be called.
func (d *Document) Free() {
	const most = 1 << 16 // of nodes and numbers; larger memory is not kept
	if cap(d.nodes) > most || cap(d.nums) > most || cap(d.text) > most {
		return
	}
	d.src = nil
	documents.Put(d)
}

// Root is the value of the whole document.
func (d *Document) Root() Value { return Value{d: d} }

// after is the node that follows a value and all within it.
func (d *Document) after(i uint32) uint32 {
	if n := &d.nodes[i]; n.kind == Object || n.kind == Array && n.form != dense {
		return n.b
	}
	return i + 1
}

// bytes is a string's.
func (d *Document) bytes(i uint32) []byte {
	n := &d.nodes[i]
	if n.form == escaped {
		return d.text[n.a : n.a+n.b]
	}
	return d.src[n.a : n.a+n.b]
}

// extents are those of a dense array.
func (d *Document) extents(i uint32) []int {
	n := &d.nodes[i]
	return d.dims[n.b : int(n.b)+int(n.rank)]
}

// A Value is one of a document.
type Value struct {
	d    *Document
	node uint32
	// Within a dense array: how far within, and which one of all at that level.
	level uint8
	at    int
}

// Kind is what the value is.
func (v Value) Kind() Kind {
	n := &v.d.nodes[v.node]
	if n.form == dense && v.level == n.rank {
		return Number
	}
	return n.kind
}

// Bool is the value of a boolean; false for other kinds.
func (v Value) Bool() bool { return v.d.nodes[v.node].form == yes }

// number is a number's value: bits of a float64, or a magnitude with its sign.
func (v Value) number() (form, uint64) {
	n := &v.d.nodes[v.node]
	switch {
	case n.kind == Number:
		return n.form, uint64(n.a) | uint64(n.b)<<32
	case n.form == dense && v.level == n.rank:
		i := int(n.a) + v.at
		if k, ok := slices.BinarySearchFunc(v.d.exact, i, func(e exact, i int) int { return e.at - i }); ok {
			if v.d.exact[k].negative {
				return negative, v.d.exact[k].magnitude
			}
			return positive, v.d.exact[k].magnitude
		}
		return plain, math.Float64bits(v.d.nums[i])
	}
	return plain, math.Float64bits(math.NaN())
}

// Float is the value of a number, the nearest float64; NaN for other kinds.
func (v Value) Float() float64 {
	switch f, bits := v.number(); f {
	case positive:
		return float64(bits)
	case negative:
		return -float64(bits)
	default:
		return math.Float64frombits(bits)
	}
}

// Int is the value of a number that is whole and an int64. Nothing is rounded.
func (v Value) Int() (int64, bool) {
	switch f, bits := v.number(); f {
	case positive:
		return int64(bits), bits <= math.MaxInt64
	case negative:
		return -int64(bits), bits <= 1<<63
	default:
		return wholeInt(math.Float64frombits(bits))
	}
}

// Uint is the value of a number that is whole and a uint64. Nothing is rounded.
func (v Value) Uint() (uint64, bool) {
	f, bits := v.number()
	if f == plain {
		x, ok := wholeInt(math.Float64frombits(bits))
		return uint64(x), ok && x >= 0
	}
	return bits, f == positive
}

// wholeInt makes an integer of a float64 that holds it exactly. From 2^53 on the
// float64 may have been rounded; what was not is kept as exact.
func wholeInt(x float64) (int64, bool) {
	return int64(x), x == math.Trunc(x) && math.Abs(x) < 1<<53
}

// Bytes is the text of a string; nil for other kinds. It is memory of the
// document or of its text.
func (v Value) Bytes() []byte {
	if v.d.nodes[v.node].kind != String {
		return nil
	}
	return v.d.bytes(v.node)
}

// Text is a copy of the text of a string.
func (v Value) Text() string { return string(v.Bytes()) }

// Len is the number of values in an array or object; 0 for other kinds.
func (v Value) Len() int {
	n := &v.d.nodes[v.node]
	switch {
	case n.form == dense && v.level < n.rank:
		return v.d.extents(v.node)[v.level]
	case n.form != dense && n.kind >= Array:
		return int(n.a)
	}
	return 0
}

// Items are the values of an array.
func (v Value) Items() iter.Seq2[int, Value] {
	return func(yield func(int, Value) bool) {
		if v.Kind() != Array {
			return
		}
		d, count := v.d, v.Len()
		if d.nodes[v.node].form == dense {
			for i := range count {
				if !yield(i, Value{d, v.node, v.level + 1, v.at*count + i}) {
					return
				}
			}
			return
		}
		next := v.node + 1
		for i := range count {
			if !yield(i, Value{d: d, node: next}) {
				return
			}
			next = d.after(next)
		}
	}
}

// Members are the keys and values of an object, in their order. A key is memory
// of the document or of its text.
func (v Value) Members() iter.Seq2[[]byte, Value] {
	return func(yield func([]byte, Value) bool) {
		if v.Kind() != Object {
			return
		}
		next := v.node + 1
		for range v.Len() {
			if !yield(v.d.bytes(next), Value{d: v.d, node: next + 1}) {
				return
			}
			next = v.d.after(next + 1)
		}
	}
}

// Get is the value of a key. It looks at one key after the other.
func (v Value) Get(key string) (Value, bool) {
	for k, m := range v.Members() {
		if string(k) == key {
			return m, true
		}
	}
	return Value{}, false
}

// Numbers are those of an array that holds nothing else and is nested regularly:
// its extents, and the numbers row by row, each the nearest float64. Both are
// memory of the document. An array without values has extents that end with 0.
func (v Value) Numbers() (dims []int, nums []float64, ok bool) {
	n := &v.d.nodes[v.node]
	if n.form != dense || v.level == n.rank {
		return nil, nil, false
	}
	dims = v.d.extents(v.node)[v.level:]
	size := 1
	for _, d := range dims {
		size *= d
	}
	lo := int(n.a) + v.at*size
	return dims, v.d.nums[lo : lo+size], true
}

// Errorf tells what is wrong with a value, with its path: an error of code
// Invalid.
func (v Value) Errorf(format string, args ...any) *engine.Error {
	message := fmt.Sprintf(format, args...)
	if p := v.Path(); p != "" {
		message = p + ": " + message
	}
	return engine.Errorf(engine.Invalid, "%s", message)
}

// Path says where a value is in its document: "inputs[0].shape[1]", and "" for
// the whole.
func (v Value) Path() string {
	var p path
	d := v.d
	at := uint32(0)
	for at != v.node {
		key := uint32(0)
		next, i := at+1, 0
		for object := d.nodes[at].kind == Object; ; i++ {
			if object {
				key = next
				next++
			}
			if end := d.after(next); v.node < end {
				break
			} else {
				next = end
			}
		}
		if key > 0 {
			p.key(d.bytes(key))
		} else {
			p.index(i)
		}
		at = next
	}
	if v.level > 0 {
		dims, rest := d.extents(v.node), v.at
		places := make([]int, v.level)
		for l := int(v.level) - 1; l >= 0; l-- {
			places[l] = rest % dims[l]
			rest /= dims[l]
		}
		for _, i := range places {
			p.index(i)
		}
	}
	return string(p)
}

// A path is the text of one.
type path []byte

// A path that a client makes long is not repeated to its end.
const longPath, longKey = 200, 40

func (p *path) index(i int) {
	if len(*p) < longPath {
		*p = append(strconv.AppendInt(append(*p, '['), int64(i), 10), ']')
	}
}

func (p *path) key(k []byte) {
	if len(*p) >= longPath {
		return
	}
	text := string(k)
	if len(text) > longKey {
		text = strings.ToValidUTF8(text[:longKey], "") + "..."
	}
	if text == "" || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || strings.ContainsRune("[]\"", r) || !strconv.IsPrint(r) }) {
		*p = append(strconv.AppendQuote(append(*p, '['), text), ']')
		return
	}
	if len(*p) > 0 {
		*p = append(*p, '.')
	}
	*p = append(*p, text...)
}

// view is b as a string, for functions that do not keep it.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
