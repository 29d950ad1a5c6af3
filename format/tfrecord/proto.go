package tfrecord

import (
	"encoding/binary"
	"fmt"
	"math"
)

// The wire types of protocol buffers that these messages have.
const (
	wireVarint  = 0
	wireFixed64 = 1
	wireBytes   = 2
	wireFixed32 = 5
)

// A message reads the fields of an encoded message.
//
// Source: protobuf.dev/programming-guides/encoding.
type message struct {
	b    []byte
	from int // offset of b in the record, for messages
	at   int
}

func (m *message) fail(format string, args ...any) error {
	return fmt.Errorf("offset %d of the record: %w", m.from+m.at, fmt.Errorf(format, args...))
}

// varint reads a number of up to 64 bits.
func (m *message) varint() (uint64, error) {
	v, n := binary.Uvarint(m.b[m.at:])
	if n <= 0 {
		return 0, m.fail("a number is cut off or longer than 10 bytes")
	}
	m.at += n
	return v, nil
}

// bytes reads the content of a field of wire type bytes.
func (m *message) bytes() (message, error) {
	n, err := m.varint()
	if err != nil {
		return message{}, err
	}
	if n > uint64(len(m.b)-m.at) {
		return message{}, m.fail("a field of %d bytes, %d are left", n, len(m.b)-m.at)
	}
	in := message{b: m.b[m.at : m.at+int(n) : m.at+int(n)], from: m.from + m.at}
	m.at += int(n)
	return in, nil
}

// fields calls f for each field. f reads it, or returns false to have it
// passed over.
func (m *message) fields(f func(number, wire int) (read bool, err error)) error {
	for m.at < len(m.b) {
		tag, err := m.varint()
		if err != nil {
			return err
		}
		number, wire := tag>>3, int(tag&7)
		if number == 0 || number > 1<<29-1 {
			return m.fail("field number %d", number)
		}
		read, err := f(int(number), wire)
		if err != nil {
			return err
		}
		if !read {
			if err := m.skip(wire); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip passes over a field.
func (m *message) skip(wire int) error {
	n := 0
	switch wire {
	case wireVarint:
		_, err := m.varint()
		return err
	case wireBytes:
		_, err := m.bytes()
		return err
	case wireFixed64:
		n = 8
	case wireFixed32:
		n = 4
	default:
		return m.fail("wire type %d", wire)
	}
	if n > len(m.b)-m.at {
		return m.fail("a field of %d bytes, %d are left", n, len(m.b)-m.at)
	}
	m.at += n
	return nil
}

// nested reads the fields number of wire type bytes as messages.
func (m *message) nested(number int, f func(in message) error) error {
	return m.fields(func(n, wire int) (bool, error) {
		if n != number || wire != wireBytes {
			return false, nil
		}
		in, err := m.bytes()
		if err != nil {
			return true, err
		}
		return true, f(in)
	})
}

// entries reads the entries of a map from strings to messages, which is the
// field of a number.
func (m *message) entries(number int, f func(key []byte, value message) error) error {
	return m.nested(number, func(entry message) error {
		var key []byte
		value := message{from: entry.from}
		err := entry.fields(func(n, wire int) (bool, error) {
			if n > 2 || wire != wireBytes {
				return false, nil
			}
			in, err := entry.bytes()
			if err != nil {
				return true, err
			}
			if n == 1 {
				key = in.b
			} else {
				value = in
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		return f(key, value)
	})
}

// appendField appends the tag and the length of a field of wire type bytes.
func appendField(dst []byte, number, n int) []byte {
	dst = binary.AppendUvarint(dst, uint64(number)<<3|wireBytes)
	return binary.AppendUvarint(dst, uint64(n))
}

// fieldSize is the size of a field of wire type bytes with n bytes of
// content, number below 16.
func fieldSize(n int) int { return 1 + varintSize(uint64(n)) + n }

func varintSize(v uint64) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// floats appends a packed or single field of floats.
func (m *message) floats(dst []float32, wire int) ([]float32, error) {
	in := *m
	switch wire {
	case wireBytes:
		var err error
		if in, err = m.bytes(); err != nil {
			return nil, err
		}
	case wireFixed32:
		if err := m.skip(wire); err != nil {
			return nil, err
		}
		in.b = in.b[:m.at]
	default:
		return nil, m.fail("floats of wire type %d", wire)
	}
	if (len(in.b)-in.at)%4 != 0 {
		return nil, in.fail("%d bytes of floats, want a multiple of 4", len(in.b)-in.at)
	}
	for ; in.at < len(in.b); in.at += 4 {
		dst = append(dst, math.Float32frombits(binary.LittleEndian.Uint32(in.b[in.at:])))
	}
	return dst, nil
}

// ints appends a packed or single field of integers.
func (m *message) ints(dst []int64, wire int) ([]int64, error) {
	switch wire {
	case wireVarint:
		v, err := m.varint()
		return append(dst, int64(v)), err
	case wireBytes:
		in, err := m.bytes()
		if err != nil {
			return nil, err
		}
		for in.at < len(in.b) {
			v, err := in.varint()
			if err != nil {
				return nil, err
			}
			dst = append(dst, int64(v))
		}
		return dst, nil
	}
	return nil, m.fail("integers of wire type %d", wire)
}
