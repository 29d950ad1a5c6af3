package source

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// maxDepth is how deep JSON values may be nested.
const maxDepth = 1000

// A leaf is a JSON value that is no object, as it stands in the file.
type leaf struct {
	raw  []byte
	kind leafKind
}

type leafKind uint8

const (
	leafNone leafKind = iota // null, or not there
	leafInteger
	leafNumber
	leafBoolean
	leafText
	leafList
)

// A jsonScanner walks through one JSON value and reports its leaves under
// dotted names. It checks the whole grammar (RFC 8259) and allocates nothing
// but for names with escapes.
type jsonScanner struct {
	b     []byte
	at    int
	path  []byte
	depth int
	leaf  func(path []byte, l leaf) error // nil inside a list
}

// object scans a text that holds one object and nothing else.
func (s *jsonScanner) object(b []byte, leaf func(path []byte, l leaf) error) error {
	s.b, s.at, s.path, s.depth, s.leaf = b, 0, s.path[:0], 0, leaf
	s.space()
	if s.peek() != '{' {
		return s.fail("%s, want an object {...}", s.next())
	}
	if err := s.value(); err != nil {
		return err
	}
	if s.space(); s.at < len(s.b) {
		return s.fail("%s after the object's end", s.next())
	}
	return nil
}

func (s *jsonScanner) fail(format string, args ...any) error {
	return fmt.Errorf("byte %d: %w", s.at, fmt.Errorf(format, args...))
}

// next describes what comes next, for errors.
func (s *jsonScanner) next() string {
	if s.at >= len(s.b) {
		return "the end of the line (truncated?)"
	}
	r, n := utf8.DecodeRune(s.b[s.at:])
	if r == utf8.RuneError {
		return fmt.Sprintf("byte %#02x", s.b[s.at])
	}
	return strconv.Quote(string(s.b[s.at : s.at+n]))
}

// peek is the next byte, 0 at the end.
func (s *jsonScanner) peek() byte {
	if s.at < len(s.b) {
		return s.b[s.at]
	}
	return 0
}

func (s *jsonScanner) space() {
	for s.at < len(s.b) {
		switch s.b[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

// value scans a value, which begins here.
func (s *jsonScanner) value() error {
	begin, kind := s.at, leafNone
	var err error
	switch c := s.peek(); {
	case c == '{':
		return s.members()
	case c == '[':
		kind = leafList
		visit := s.leaf
		s.leaf = nil
		err = s.elements()
		s.leaf = visit
	case c == '"':
		kind = leafText
		_, err = s.str()
	case c == '-' || c >= '0' && c <= '9':
		kind, err = s.number()
	case c == 't':
		kind, err = leafBoolean, s.word("true")
	case c == 'f':
		kind, err = leafBoolean, s.word("false")
	case c == 'n':
		err = s.word("null")
	default:
		err = s.fail("%s, want a value", s.next())
	}
	if err != nil || s.leaf == nil {
		return err
	}
	return s.leaf(s.path, leaf{s.b[begin:s.at], kind})
}

// enter counts the levels.
func (s *jsonScanner) enter() error {
	if s.depth++; s.depth > maxDepth {
		return s.fail("values are nested more than %d deep", maxDepth)
	}
	s.at++
	s.space()
	return nil
}

// members scans an object.
func (s *jsonScanner) members() error {
	if err := s.enter(); err != nil {
		return err
	}
	outer := len(s.path)
	for first := true; ; first = false {
		if s.peek() == '}' && first {
			break
		}
		if s.peek() != '"' {
			return s.fail("%s, want a name in quotes", s.next())
		}
		name, err := s.str()
		if err != nil {
			return err
		}
		if s.leaf != nil {
			if s.depth > 1 {
				s.path = append(s.path, '.')
			}
			s.path = append(s.path, unquote(name)...)
		}
		if s.space(); s.peek() != ':' {
			return s.fail("%s, want ':'", s.next())
		}
		s.at++
		s.space()
		if err := s.value(); err != nil {
			return err
		}
		s.path = s.path[:outer]
		if s.space(); s.peek() == '}' {
			break
		}
		if s.peek() != ',' {
			return s.fail("%s, want ',' or '}'", s.next())
		}
		s.at++
		s.space()
	}
	s.at++
	s.depth--
	return nil
}

// elements scans a list.
func (s *jsonScanner) elements() error {
	if err := s.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		if s.peek() == ']' && first {
			break
		}
		if err := s.value(); err != nil {
			return err
		}
		if s.space(); s.peek() == ']' {
			break
		}
		if s.peek() != ',' {
			return s.fail("%s, want ',' or ']'", s.next())
		}
		s.at++
		s.space()
	}
	s.at++
	s.depth--
	return nil
}

// str scans a string and returns it with its quotes.
func (s *jsonScanner) str() ([]byte, error) {
	begin := s.at
	for s.at++; s.at < len(s.b); s.at++ {
		switch c := s.b[s.at]; {
		case c == '"':
			s.at++
			return s.b[begin:s.at], nil
		case c < ' ':
			return nil, s.fail("%s within a text", s.next())
		case c == '\\':
			s.at++
			switch s.peek() {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					s.at++
					if c := s.peek() | ' '; !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f') {
						return nil, s.fail("%s, want a hexadecimal digit", s.next())
					}
				}
			default:
				return nil, s.fail("%s after a backslash", s.next())
			}
		}
	}
	return nil, s.fail("%s within a text", s.next())
}

// number scans a number; it is an integer if it has neither point nor exponent
// and a place in an int64.
func (s *jsonScanner) number() (leafKind, error) {
	begin := s.at
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if err := s.digits(); err != nil {
		return 0, err
	}
	kind := leafInteger
	if s.peek() == '.' {
		kind = leafNumber
		s.at++
		if err := s.digits(); err != nil {
			return 0, err
		}
	}
	if s.peek()|' ' == 'e' {
		kind = leafNumber
		if s.at++; s.peek() == '-' || s.peek() == '+' {
			s.at++
		}
		if err := s.digits(); err != nil {
			return 0, err
		}
	}
	if kind == leafInteger {
		if _, ok := parseInteger(s.b[begin:s.at]); !ok {
			kind = leafNumber
		}
	}
	return kind, nil
}

func (s *jsonScanner) digits() error {
	n := digitsOf(s.b[s.at:])
	if s.at += n; n == 0 {
		return s.fail("%s, want a digit", s.next())
	}
	return nil
}

func (s *jsonScanner) word(w string) error {
	if !bytes.HasPrefix(s.b[s.at:], []byte(w)) {
		return s.fail("%s, want a value", s.next())
	}
	s.at += len(w)
	return nil
}

// unquote is the text of a string that str has scanned; what is not UTF-8 in
// it becomes U+FFFD, as encoding/json has it.
func unquote(raw []byte) []byte {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 && utf8.Valid(inner) {
		return inner
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		panic(fmt.Sprintf("source: internal error: %q was scanned: %v", raw, err))
	}
	return []byte(text)
}

// A list is what a JSON list of numbers is as a tensor.
type list struct {
	dims     []int
	integers bool
	values   []leaf
}

// numbersOf reads a list, which was scanned, of numbers or of equally long
// lists of them; ok is false for what is none. Of an empty list only the first
// axis is known.
func numbersOf(raw []byte) (l list, ok bool) {
	l.integers = true
	s := &jsonScanner{b: raw}
	ok = l.read(s, 0)
	return l, ok && len(l.dims) <= shape.MaxRank
}

func (l *list) read(s *jsonScanner, axis int) bool {
	if axis >= shape.MaxRank {
		return false
	}
	s.at++
	n := 0
	first := axis == len(l.dims)
	if first {
		l.dims = append(l.dims, 0)
	}
	for s.space(); s.peek() != ']'; s.space() {
		if s.peek() == ',' {
			s.at++
			continue
		}
		if s.peek() == '[' {
			if len(l.values) > 0 && axis == len(l.dims)-1 {
				return false // numbers and lists in one list
			}
			if !l.read(s, axis+1) {
				return false
			}
		} else {
			if axis != len(l.dims)-1 {
				return false
			}
			begin := s.at
			kind, err := s.number()
			if err != nil {
				return false
			}
			l.integers = l.integers && kind == leafInteger
			l.values = append(l.values, leaf{s.b[begin:s.at], kind})
		}
		n++
	}
	s.at++
	if first {
		l.dims[axis] = n
	}
	return l.dims[axis] == n
}

// tensor makes the tensor of a list, of int64 or float64, with a rank of its
// own or that of an empty list's column.
func (l list) tensor(integers bool, rank int) (*tensor.Tensor, error) {
	dims := l.dims
	for len(dims) < rank {
		dims = append(dims, 0)
	}
	if integers {
		v := make([]int64, len(l.values))
		for i, leaf := range l.values {
			v[i], _ = parseInteger(leaf.raw)
		}
		return tensor.Of(v, dims...)
	}
	v := make([]float64, len(l.values))
	for i, leaf := range l.values {
		v[i] = parseNumber(leaf.raw)
	}
	return tensor.Of(v, dims...)
}
