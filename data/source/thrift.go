package source

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errShort says that a thrift value goes on after the bytes at hand.
var errShort = errors.New("truncated")

// A thriftWalk passes through a value in thrift's compact protocol. It finds
// that every length in it fits into the bytes that are there, before a decoder
// that trusts them sets memory aside.
//
// Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
type thriftWalk struct {
	b  []byte
	at int
	// visit takes the whole numbers and booleans of the struct itself, where
	// outer is 0, and of those that are its fields, where outer is the field.
	visit func(outer, field int, v int64)
	// element takes those of the structs in lists that are fields of the struct
	// itself; field 0 begins one.
	element func(list, field int, v int64)
}

// maxThriftDepth is deeper than any value that Parquet defines.
const maxThriftDepth = 32

// elementDepth is how deep a struct in a list of the outermost struct counts.
const elementDepth = 3

// Types of the compact protocol.
const (
	thriftTrue   = 1
	thriftFalse  = 2
	thriftByte   = 3
	thriftI16    = 4
	thriftI64    = 6
	thriftDouble = 7
	thriftBinary = 8
	thriftList   = 9
	thriftSet    = 10
	thriftMap    = 11
	thriftStruct = 12
)

// structure passes through a struct.
func (t *thriftWalk) structure(outer, depth int) error {
	if depth > maxThriftDepth {
		return fmt.Errorf("nested more than %d deep", maxThriftDepth)
	}
	t.report(outer, 0, depth, 0)
	field := 0
	for {
		head, err := t.byte()
		if err != nil {
			return err
		}
		if head == 0 {
			return nil
		}
		if delta := int(head >> 4); delta != 0 {
			field += delta
		} else {
			id, err := t.number()
			if err != nil {
				return err
			}
			field = int(int16(id))
		}
		switch kind := head & 15; kind {
		case thriftTrue, thriftFalse:
			t.report(outer, field, depth, int64(2-kind))
		default:
			if err := t.value(kind, outer, field, depth); err != nil {
				return err
			}
		}
	}
}

func (t *thriftWalk) report(outer, field, depth int, v int64) {
	if t.visit != nil && depth < 2 && field != 0 {
		t.visit(outer, field, v)
	}
	if t.element != nil && depth == elementDepth {
		t.element(outer, field, v)
	}
}

// value passes through a value that is no boolean of a struct.
func (t *thriftWalk) value(kind byte, outer, field, depth int) error {
	switch {
	case kind == thriftTrue || kind == thriftFalse || kind == thriftByte:
		_, err := t.byte()
		return err
	case kind >= thriftI16 && kind <= thriftI64:
		v, err := t.number()
		t.report(outer, field, depth, v)
		return err
	case kind == thriftDouble:
		return t.skip(8)
	case kind == thriftBinary:
		n, err := t.length()
		if err != nil {
			return err
		}
		return t.skip(n)
	case kind == thriftList || kind == thriftSet:
		head, err := t.byte()
		if err != nil {
			return err
		}
		n := int(head >> 4)
		if n == 15 {
			if n, err = t.length(); err != nil {
				return err
			}
		}
		return t.values(n, field, depth, head&15)
	case kind == thriftMap:
		n, err := t.length()
		if err != nil || n == 0 {
			return err
		}
		kinds, err := t.byte()
		if err != nil {
			return err
		}
		return t.values(n, field, depth, kinds>>4, kinds&15)
	case kind == thriftStruct:
		return t.structure(field, depth+1)
	}
	return fmt.Errorf("type %d, which the protocol does not have", kind)
}

// values passes through n times values of some types.
func (t *thriftWalk) values(n, field, depth int, kinds ...byte) error {
	if n > len(t.b)-t.at { // each takes a byte at least
		return errShort
	}
	if depth > maxThriftDepth {
		return fmt.Errorf("nested more than %d deep", maxThriftDepth)
	}
	for range n {
		for _, kind := range kinds {
			if err := t.value(kind, 0, field, depth+2); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *thriftWalk) byte() (byte, error) {
	if t.at >= len(t.b) {
		return 0, errShort
	}
	t.at++
	return t.b[t.at-1], nil
}

func (t *thriftWalk) skip(n int) error {
	if n > len(t.b)-t.at {
		return errShort
	}
	t.at += n
	return nil
}

func (t *thriftWalk) unsigned() (uint64, error) {
	v, n := binary.Uvarint(t.b[t.at:])
	if n == 0 {
		return 0, errShort
	}
	if n < 0 {
		return 0, errors.New("a number of more than 64 bits")
	}
	t.at += n
	return v, nil
}

func (t *thriftWalk) number() (int64, error) {
	v, err := t.unsigned()
	return int64(v>>1) ^ -int64(v&1), err
}

func (t *thriftWalk) length() (int, error) {
	v, err := t.unsigned()
	if err == nil && v > 1<<31-1 {
		err = fmt.Errorf("a length of %d", v)
	}
	return int(v), err
}
