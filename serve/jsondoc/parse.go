package jsondoc

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gradus-ml/gradus/serve/engine"
)

// Limits are of what a document may be, beyond the size of its text.
type Limits struct {
	Depth  int // of arrays and objects within each other, at most 255
	Values int // keys and values, without the numbers of dense arrays; each takes 16 bytes
}

// DefaultLimits serves requests.
func DefaultLimits() Limits { return Limits{Depth: 64, Values: 1 << 22} }

// A frame is an array or object that is being read.
type frame struct {
	node  uint32
	count uint32 // of the values that are complete
	key   uint32 // the node of the last one
	nums  int    // how many numbers there were before
	exact int
	dims  int
	state state
}

// A state is what an array has held so far.
type state uint8

const (
	nothing state = iota
	numbers       // which are in Document.nums, without nodes
	rows          // dense arrays of the same extents
	mixed
	object
)

type parser struct {
	d      *Document
	b      []byte
	at     int
	limits Limits
}

// Parse reads a document. Errors have code Invalid, or TooLarge beyond the
// limits, and tell offset and path.
func Parse(b []byte, limits Limits) (*Document, error) {
	if len(b) > math.MaxInt32 {
		return nil, engine.Errorf(engine.TooLarge, "the JSON has more than %d bytes", math.MaxInt32)
	}
	d := documents.Get().(*Document)
	d.src, d.nodes, d.nums, d.exact, d.dims, d.text, d.frames = b, d.nodes[:0], d.nums[:0], d.exact[:0], d.dims[:0], d.text[:0], d.frames[:0]
	p := parser{d: d, b: b, limits: limits}
	if err := p.document(); err != nil {
		d.Free()
		return nil, err
	}
	return d, nil
}

// document reads all. What is open is kept in a list, so that depth costs no
// stack.
func (p *parser) document() error {
	d := p.d
	for {
		// A value begins here.
		done := true
		switch c := p.skip(); {
		case c == '-' || c-'0' <= 9:
			if err := p.numbers(); err != nil {
				return err
			}
		case c == '"':
			if err := p.mix(); err != nil {
				return err
			}
			if err := p.string(); err != nil {
				return err
			}
		case c == '[' || c == '{':
			if len(d.frames) >= min(p.limits.Depth, math.MaxUint8) {
				return p.fail(engine.Invalid, p.at, "arrays and objects are nested deeper than %d", p.limits.Depth)
			}
			if err := p.spread(); err != nil {
				return err
			}
			f := frame{node: uint32(len(d.nodes)), nums: len(d.nums), exact: len(d.exact), dims: len(d.dims)}
			kind := Array
			if c == '{' {
				kind, f.state = Object, object
			}
			if err := p.push(node{kind: kind, start: uint32(p.at)}); err != nil {
				return err
			}
			d.frames = append(d.frames, f)
			p.at++
			if p.skip() == c+2 { // ']' and '}' are two after their openings
				p.at++
				if err := p.close(); err != nil {
					return err
				}
				break
			}
			done = false
			if c == '{' {
				if err := p.key(); err != nil {
					return err
				}
			}
		default:
			if err := p.mix(); err != nil {
				return err
			}
			if err := p.word(); err != nil {
				return err
			}
		}
		// Where it is complete, a comma brings the next one, or what holds it ends.
		for done {
			c := p.skip()
			if len(d.frames) == 0 {
				if p.at < len(p.b) {
					return p.fail(engine.Invalid, p.at, "something follows the end of the document: %s", p.near(p.at))
				}
				return nil
			}
			f := &d.frames[len(d.frames)-1]
			switch {
			case c == ',' && f.state == object:
				f.count++
				p.at++
				p.skip()
				if err := p.key(); err != nil {
					return err
				}
				done = false
			case c == ',':
				f.count++
				p.at++
				done = false
			case c == ']' && f.state != object || c == '}' && f.state == object:
				f.count++
				p.at++
				if err := p.close(); err != nil {
					return err
				}
			case f.state == object:
				return p.fail(engine.Invalid, p.at, "want , or } after a value, got %s", p.near(p.at))
			default:
				return p.fail(engine.Invalid, p.at, "want , or ] after a value, got %s", p.near(p.at))
			}
		}
	}
}

// skip goes to what follows white space, and is 0 at the end.
func (p *parser) skip() byte {
	for p.at < len(p.b) {
		c := p.b[p.at]
		if c > ' ' || c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			return c
		}
		p.at++
	}
	return 0
}

// push adds a node.
func (p *parser) push(n node) error {
	d := p.d
	if len(d.nodes) >= p.limits.Values {
		return p.fail(engine.TooLarge, p.at, "the JSON has more than %d values", p.limits.Values)
	}
	if len(d.nodes) == cap(d.nodes) {
		d.nodes = grow(d.nodes, p.at, len(p.b), p.limits.Values)
	}
	d.nodes = append(d.nodes, n)
	return nil
}

// grow makes room for what the rest of the text holds if it is like the part
// that was read, so that slices are copied once or twice and memory stays in
// proportion to the text. A value takes two bytes of it at least.
func grow[T any](s []T, read, all, most int) []T {
	room := 256 // which are enough to judge by
	if len(s) > 0 {
		room = int(1.05*float64(len(s))/float64(read)*float64(all-read)) + len(s)/8 + 16
	}
	room = min(room, (all-read)/2+16, max(most-len(s), 1))
	next := make([]T, len(s), len(s)+room)
	copy(next, s)
	return next
}

// mix says that the array that is being read, if it is one, holds something
// else than numbers and rows of numbers.
func (p *parser) mix() error {
	if n := len(p.d.frames); n > 0 {
		f := &p.d.frames[n-1]
		if f.state == object {
			return nil
		}
		if err := p.spread(); err != nil {
			return err
		}
		f.state = mixed
	}
	return nil
}

// spread gives nodes to the numbers of an array that holds other things too.
// They are read again, which happens once to a number at most.
func (p *parser) spread() error {
	n := len(p.d.frames)
	if n == 0 {
		return nil
	}
	f := &p.d.frames[n-1]
	if f.state != numbers {
		return nil
	}
	f.state = mixed
	p.d.nums, p.d.exact = p.d.nums[:f.nums], p.d.exact[:f.exact]
	here := p.at
	p.at = int(p.d.nodes[f.node].start) + 1
	for range f.count {
		p.skip()
		start := p.at
		x, form, magnitude, err := p.number()
		if err != nil {
			return err
		}
		if err := p.push(numberNode(start, x, form, magnitude)); err != nil {
			return err
		}
		p.skip()
		p.at++
	}
	p.at = here
	return nil
}

func numberNode(start int, x float64, f form, magnitude uint64) node {
	if f == plain {
		magnitude = math.Float64bits(x)
	}
	return node{kind: Number, form: f, start: uint32(start), a: uint32(magnitude), b: uint32(magnitude >> 32)}
}

// numbers reads a number, and in an array of numbers those that follow, up to
// the last.
func (p *parser) numbers() error {
	d := p.d
	var f *frame
	if n := len(d.frames); n > 0 {
		f = &d.frames[n-1]
	}
	if f == nil || f.state > numbers {
		if f != nil && f.state == rows {
			f.state = mixed
		}
		start := p.at
		x, form, magnitude, err := p.number()
		if err != nil {
			return err
		}
		return p.push(numberNode(start, x, form, magnitude))
	}
	f.state = numbers
	for {
		if len(d.nums) == cap(d.nums) {
			d.nums = grow(d.nums, p.at, len(p.b), math.MaxInt)
		}
		if n := p.short(); n > 0 {
			f.count += uint32(n - 1)
		} else {
			x, form, magnitude, err := p.number()
			if err != nil {
				return err
			}
			if form != plain {
				if len(d.exact) == cap(d.exact) {
					d.exact = grow(d.exact, p.at, len(p.b), math.MaxInt)
				}
				d.exact = append(d.exact, exact{len(d.nums), magnitude, form == negative})
			}
			d.nums = append(d.nums, x)
		}
		if p.skip() != ',' {
			return nil
		}
		// The comma is ours only if another number comes.
		comma := p.at
		p.at++
		if c := p.skip(); c != '-' && c-'0' > 9 {
			p.at = comma
			return nil
		}
		f.count++
	}
}

// short reads the numbers that most are, as many as follow each other and there
// is room for: digits, with a point or without, few enough for one exact
// division to be all that is rounded. It leaves others, and what is wrong, to
// number, and tells how many it has read.
func (p *parser) short() (count int) {
	b, i, nums := p.b, p.at, p.d.nums
	for len(nums) < cap(nums) {
		minus := i < len(b) && b[i] == '-'
		if minus {
			i++
		}
		m, whole := digits(b, i)
		if whole == 0 || whole == 8 || whole > 1 && b[i] == '0' {
			break
		}
		i += whole
		places := 0
		if b[i] == '.' {
			i++
			f, n := digits(b, i)
			if n == 0 {
				break
			}
			m = m*integers[n] + f
			i += n
			places = n
			if n == 8 {
				f, n = digits(b, i)
				m = m*integers[n] + f
				i += n
				places += n
			}
		}
		// 10^15 is less than 2^53, and the powers are exact up to 10^22. What goes
		// on is a power, or digits where no eight bytes are left.
		if whole+places > 15 || i == len(b) || b[i]|0x20 == 'e' || b[i]-'0' <= 9 {
			break
		}
		x := float64(m)
		if places > 0 {
			x /= powers[places]
		}
		if minus {
			x = -x
		}
		nums = append(nums, x)
		count++
		p.at = i
		// Another one, if nothing but a comma is between.
		if i+1 == len(b) || b[i] != ',' || b[i+1]-'0' > 9 && b[i+1] != '-' {
			break
		}
		i++
	}
	p.d.nums = nums
	return count
}

// integers are powers of ten.
var integers = [...]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// digits reads up to eight at once, by arithmetic instead of branches, which
// numbers of several lengths would mispredict. It reads none where no eight
// bytes are left.
func digits(b []byte, i int) (value uint64, n int) {
	if i+8 > len(b) {
		return 0, 0
	}
	w := binary.LittleEndian.Uint64(b[i:]) ^ 0x3030303030303030 // digits are 0 to 9 now
	const tops = 0x8080808080808080
	n = bits.TrailingZeros64((w|(w+0x7676767676767676))&tops) / 8
	w <<= 64 - 8*n // those that are none go, and zeros come before the first
	w = w*10 + w>>8
	const pairs = 0x000000ff000000ff
	return ((w&pairs)*(100+1000000<<32) + (w>>16&pairs)*(1+10000<<32)) >> 32, n
}

// powers of ten that float64 holds exactly.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22}

// number reads one. A form other than plain tells of an integer that float64
// can't hold, whose magnitude comes too.
func (p *parser) number() (x float64, f form, magnitude uint64, err error) {
	b, start := p.b, p.at
	i := start
	minus := b[i] == '-'
	if minus {
		i++
	}
	// The digits as one integer, as long as there are at most 19 of them.
	var m uint64
	first := i
	for i < len(b) && b[i]-'0' <= 9 {
		m = m*10 + uint64(b[i]-'0')
		i++
	}
	digits := i - first
	if digits == 0 {
		if minus && i < len(b) && b[i] == 'I' {
			return 0, 0, 0, p.fail(engine.Invalid, start, "JSON has no -Infinity; leave out what is missing, or send null")
		}
		return 0, 0, 0, p.fail(engine.Invalid, start, "want digits after -, got %s", p.near(i))
	}
	if b[first] == '0' && digits > 1 {
		return 0, 0, 0, p.fail(engine.Invalid, start, "a number begins with a 0 too many: %s", p.near(start))
	}
	ten, float := 0, false // a power of ten, and whether there is a point or power
	if i < len(b) && b[i] == '.' {
		float = true
		i++
		first = i
		for i < len(b) && b[i]-'0' <= 9 {
			m = m*10 + uint64(b[i]-'0')
			i++
		}
		if i == first {
			return 0, 0, 0, p.fail(engine.Invalid, start, "want digits after the point, got %s", p.near(i))
		}
		digits += i - first
		ten = first - i
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		float = true
		i++
		down := i < len(b) && b[i] == '-'
		if i < len(b) && (b[i] == '-' || b[i] == '+') {
			i++
		}
		first = i
		power := 0
		for i < len(b) && b[i]-'0' <= 9 {
			power = min(power*10+int(b[i]-'0'), 1<<20)
			i++
		}
		if i == first {
			return 0, 0, 0, p.fail(engine.Invalid, start, "want digits after e, got %s", p.near(i))
		}
		if down {
			power = -power
		}
		ten += power
	}
	p.at = i
	if digits <= 19 && m < 1<<53 && -22 <= ten && ten <= 22 {
		// Both are exact, so that the one rounding is that of the result.
		x = float64(m)
		if ten < 0 {
			x /= powers[-ten]
		} else {
			x *= powers[ten]
		}
		if minus {
			x = -x
		}
		if math.Abs(x) < 1<<53 {
			return x, plain, 0, nil
		}
	} else if x, err = strconv.ParseFloat(view(b[start:i]), 64); err != nil {
		return 0, 0, 0, p.fail(engine.Invalid, start, "the number is beyond float64: %s", p.near(start))
	}
	if math.Abs(x) < 1<<53 {
		return x, plain, 0, nil
	}
	// An integer that float64 may not hold.
	if !float && digits == 20 {
		if m, err = strconv.ParseUint(view(b[i-digits:i]), 10, 64); err != nil {
			return x, plain, 0, nil
		}
	} else if digits > 19 || ten < 0 || ten > 19 {
		return x, plain, 0, nil
	}
	for ; ten > 0; ten-- {
		hi, lo := bits.Mul64(m, 10)
		if hi != 0 {
			return x, plain, 0, nil
		}
		m = lo
	}
	if minus {
		if m > 1<<63 {
			return x, plain, 0, nil
		}
		return x, negative, m, nil
	}
	return x, positive, m, nil
}

// word reads null, true or false.
func (p *parser) word() error {
	n := node{start: uint32(p.at)}
	rest := p.b[p.at:]
	switch {
	case bytes.HasPrefix(rest, []byte("null")):
		p.at += 4
	case bytes.HasPrefix(rest, []byte("true")):
		n.kind, n.form = Bool, yes
		p.at += 4
	case bytes.HasPrefix(rest, []byte("false")):
		n.kind = Bool
		p.at += 5
	case bytes.HasPrefix(rest, []byte("NaN")):
		return p.fail(engine.Invalid, p.at, "JSON has no NaN; leave out what is missing, or send null")
	case bytes.HasPrefix(rest, []byte("Infinity")):
		return p.fail(engine.Invalid, p.at, "JSON has no Infinity; leave out what is missing, or send null")
	default:
		return p.fail(engine.Invalid, p.at, "want a value, got %s", p.near(p.at))
	}
	return p.push(n)
}

// key reads a key and its colon.
func (p *parser) key() error {
	if p.at == len(p.b) || p.b[p.at] != '"' {
		return p.fail(engine.Invalid, p.at, "want a key in quotes, got %s", p.near(p.at))
	}
	d := p.d
	d.frames[len(d.frames)-1].key = uint32(len(d.nodes))
	if err := p.string(); err != nil {
		return err
	}
	if p.skip() != ':' {
		return p.fail(engine.Invalid, p.at, "want : after the key, got %s", p.near(p.at))
	}
	p.at++
	return nil
}

// string reads one, whose first quote is here.
func (p *parser) string() error {
	b, start := p.b, p.at
	i := start + 1
	var high bool // whether a byte is not ASCII
	var escapes bool
	for {
		// Eight bytes at once, as long as they are letters.
		for i+8 <= len(b) {
			w := binary.LittleEndian.Uint64(b[i:])
			if special(w) != 0 {
				break
			}
			i += 8
		}
		if i == len(b) {
			return p.fail(engine.Invalid, start, "the string has no end")
		}
		c := b[i]
		if c == '"' {
			break
		}
		switch {
		case c == '\\':
			escapes = true
			i++ // what comes next is looked at by unescape, and is no end
			if i == len(b) {
				return p.fail(engine.Invalid, start, "the string has no end")
			}
		case c < ' ':
			return p.fail(engine.Invalid, i, "a string holds the control character \\u%04x; it must be escaped", c)
		case c >= 0x80:
			high = true
		}
		i++
	}
	raw := b[start+1 : i]
	if high && !utf8.Valid(raw) {
		bad := 0
		for bad < len(raw) {
			r, n := utf8.DecodeRune(raw[bad:])
			if r == utf8.RuneError && n <= 1 {
				break
			}
			bad += n
		}
		return p.fail(engine.Invalid, start+1+bad, "a string is not UTF-8")
	}
	n := node{kind: String, start: uint32(start), a: uint32(start + 1), b: uint32(len(raw))}
	if escapes {
		before := len(p.d.text)
		if err := p.unescape(raw, start+1); err != nil {
			return err
		}
		n.form, n.a, n.b = escaped, uint32(before), uint32(len(p.d.text)-before)
	}
	p.at = i + 1
	return p.push(n)
}

// special has a bit set in the first of eight bytes, and maybe in later ones,
// that is not a plain letter of a string: a quote, a backslash, a control
// character, or not ASCII.
func special(w uint64) uint64 {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	return (w | (w - ones*' ') | (quote - ones) | (slash - ones)) & tops
}

// unescape appends a string with escapes to the document's text.
func (p *parser) unescape(raw []byte, start int) error {
	text := p.d.text
	for i := 0; i < len(raw); {
		next := bytes.IndexByte(raw[i:], '\\')
		if next < 0 {
			text = append(text, raw[i:]...)
			break
		}
		text = append(text, raw[i:i+next]...)
		i += next
		// scanning has made sure that something follows the backslash
		switch c := raw[i+1]; c {
		case '"', '\\', '/':
			text = append(text, c)
		case 'b':
			text = append(text, '\b')
		case 'f':
			text = append(text, '\f')
		case 'n':
			text = append(text, '\n')
		case 'r':
			text = append(text, '\r')
		case 't':
			text = append(text, '\t')
		case 'u':
			r, ok := hex4(raw[i:])
			if !ok {
				return p.fail(engine.Invalid, start+i, "want four hexadecimal digits after \\u")
			}
			if utf16.IsSurrogate(r) {
				low, ok := hex4(raw[i+6:])
				if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
					return p.fail(engine.Invalid, start+i, "an escape stands for half a character; both halves must come")
				}
				i += 6
			}
			text = utf8.AppendRune(text, r)
			i += 4
		default:
			return p.fail(engine.Invalid, start+i, "there is no escape \\%s", p.near(start+i+1))
		}
		i += 2
	}
	p.d.text = text
	return nil
}

// hex4 reads \u and four digits.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// close ends the innermost array or object, and tells what holds it.
func (p *parser) close() error {
	d := p.d
	f := d.frames[len(d.frames)-1]
	n := &d.nodes[f.node]
	switch f.state {
	case object, mixed:
		if f.state == object {
			if err := p.unique(&f); err != nil {
				return err
			}
		}
		n.a, n.b = f.count, uint32(len(d.nodes))
	default:
		n.form, n.rank, n.a, n.b = dense, 1, uint32(f.nums), uint32(f.dims)
		if f.state == rows {
			// The rows become one: their nodes go, and their extents but the first's.
			n.rank += d.nodes[f.node+1].rank
			d.nodes = d.nodes[:f.node+1]
			d.dims = d.dims[:f.dims+int(n.rank)-1]
			d.dims = append(d.dims, 0)
			copy(d.dims[f.dims+1:], d.dims[f.dims:])
			d.dims[f.dims] = int(f.count)
		} else {
			if len(d.dims) == cap(d.dims) {
				d.dims = grow(d.dims, p.at, len(p.b), math.MaxInt)
			}
			d.dims = append(d.dims, int(f.count))
		}
	}
	d.frames = d.frames[:len(d.frames)-1]
	if len(d.frames) == 0 {
		return nil
	}
	switch up := &d.frames[len(d.frames)-1]; {
	case up.state == object:
	case n.form == dense && up.state == nothing:
		up.state = rows
	case n.form == dense && up.state == rows && equal(d.extents(up.node+1), d.extents(f.node)):
	default:
		up.state = mixed
	}
	return nil
}

func equal(a, b []int) bool {
	if len(a) != len(b) {
		return false
	}
	for i, x := range a {
		if x != b[i] {
			return false
		}
	}
	return true
}

// unique refuses an object that has a key twice: which of the values is meant
// is not known, and proxies and servers have disagreed about it.
func (p *parser) unique(f *frame) error {
	d := p.d
	v := Value{d: d, node: f.node}
	d.nodes[f.node].a = f.count
	const few = 8 // keys, which are compared with each other
	if f.count > few {
		seen := make(map[string]bool, f.count)
		for k := range v.Members() {
			if seen[view(k)] {
				return p.twice(k)
			}
			seen[view(k)] = true
		}
		return nil
	}
	var seen [few][]byte
	n := 0
	for k := range v.Members() {
		for _, o := range seen[:n] {
			if bytes.Equal(o, k) {
				return p.twice(k)
			}
		}
		seen[n] = k
		n++
	}
	return nil
}

func (p *parser) twice(key []byte) error {
	p.d.frames = p.d.frames[:len(p.d.frames)-1]
	var name path
	name.key(key)
	return p.fail(engine.Invalid, p.at-1, "an object has the key %s twice", string(name))
}

// near shows what stands at an offset.
func (p *parser) near(at int) string {
	if at >= len(p.b) {
		return "the end"
	}
	rest := p.b[at:min(at+20, len(p.b))]
	if i := bytes.IndexAny(rest, ",]} \n\r\t"); i > 0 {
		rest = rest[:i]
	}
	return strconv.Quote(string(rest))
}

// fail makes an error with offset and path.
func (p *parser) fail(code engine.Code, at int, format string, args ...any) error {
	var where path
	for i := range p.d.frames {
		switch f := &p.d.frames[i]; {
		case f.state != object:
			where.index(int(f.count))
		case f.key > 0 && f.key < uint32(len(p.d.nodes)):
			where.key(p.d.bytes(f.key))
		}
	}
	text := fmt.Sprintf(format, args...)
	if len(where) > 0 {
		text = string(where) + ": " + text
	}
	return engine.Errorf(code, "JSON at byte %d: %s", at, text)
}
