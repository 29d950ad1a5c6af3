package tfrecord

import (
	"encoding/binary"
	"maps"
	"math"
	"slices"
)

// A Kind is the type of a feature's values.
type Kind uint8

// The kinds. A feature without a list has none.
const (
	None Kind = iota
	Bytes
	Float
	Int
)

// String is the name of the message's field.
func (k Kind) String() string {
	return [...]string{"no list", "bytes_list", "float_list", "int64_list"}[k&3]
}

// A Feature is a list of values of one kind, tf.train.Feature.
type Feature struct {
	Kind   Kind
	Bytes  [][]byte
	Floats []float32
	Ints   []int64
}

// BytesFeature, FloatFeature and IntFeature make features.
func BytesFeature(values ...[]byte) Feature  { return Feature{Kind: Bytes, Bytes: values} }
func FloatFeature(values ...float32) Feature { return Feature{Kind: Float, Floats: values} }
func IntFeature(values ...int64) Feature     { return Feature{Kind: Int, Ints: values} }

// Len is the number of values.
func (f Feature) Len() int { return len(f.Bytes) + len(f.Floats) + len(f.Ints) }

// An Example is features by name: tf.train.Example, or, with Lists, a
// tf.train.SequenceExample, whose context the features are.
type Example struct {
	Features map[string]Feature
	Lists    map[string][]Feature // a feature for each step
}

// Decode reads an Example or SequenceExample; want tells which names to
// decode, nil all. Values of bytes share the record's memory. Of a name that
// comes twice the last feature counts.
func Decode(record []byte, want func(name string) bool) (*Example, error) {
	e := &Example{Features: map[string]Feature{}}
	m := message{b: record}
	err := m.fields(func(number, wire int) (bool, error) {
		if number > 2 || wire != wireBytes {
			return false, nil
		}
		in, err := m.bytes()
		if err != nil {
			return true, err
		}
		return true, in.entries(1, func(key []byte, value message) error {
			name := string(key)
			if want != nil && !want(name) {
				return nil
			}
			if number == 1 {
				f, err := feature(value)
				e.Features[name] = f
				return err
			}
			list, err := featureList(value)
			if e.Lists == nil {
				e.Lists = map[string][]Feature{}
			}
			e.Lists[name] = list
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return e, nil
}

// feature decodes a tf.train.Feature.
func feature(m message) (Feature, error) {
	var f Feature
	err := m.fields(func(number, wire int) (bool, error) {
		if number > 3 || wire != wireBytes {
			return false, nil
		}
		in, err := m.bytes()
		if err != nil {
			return true, err
		}
		if k := Kind(number); f.Kind != k {
			f = Feature{Kind: k} // the last of the kinds counts
		}
		return true, in.fields(func(number, wire int) (bool, error) {
			if number != 1 {
				return false, nil
			}
			var err error
			switch f.Kind {
			case Float:
				f.Floats, err = in.floats(f.Floats, wire)
			case Int:
				f.Ints, err = in.ints(f.Ints, wire)
			default:
				if wire != wireBytes {
					return true, in.fail("bytes of wire type %d", wire)
				}
				var value message
				value, err = in.bytes()
				f.Bytes = append(f.Bytes, value.b)
			}
			return true, err
		})
	})
	return f, err
}

// featureList decodes a tf.train.FeatureList.
func featureList(m message) ([]Feature, error) {
	var list []Feature
	err := m.nested(1, func(in message) error {
		f, err := feature(in)
		list = append(list, f)
		return err
	})
	return list, err
}

// Append appends the encoded message: names sorted, numbers packed.
func (e *Example) Append(dst []byte) []byte {
	var features, lists []byte
	for _, name := range slices.Sorted(maps.Keys(e.Features)) {
		features = appendEntry(features, name, e.Features[name].append(nil))
	}
	if len(features) > 0 || e.Lists == nil {
		dst = append(appendField(dst, 1, len(features)), features...)
	}
	if e.Lists == nil {
		return dst
	}
	for _, name := range slices.Sorted(maps.Keys(e.Lists)) {
		var list []byte
		for _, f := range e.Lists[name] {
			b := f.append(nil)
			list = append(appendField(list, 1, len(b)), b...)
		}
		lists = appendEntry(lists, name, list)
	}
	return append(appendField(dst, 2, len(lists)), lists...)
}

// appendEntry appends an entry of a map that is field 1.
func appendEntry(dst []byte, name string, value []byte) []byte {
	dst = appendField(dst, 1, fieldSize(len(name))+fieldSize(len(value)))
	dst = append(appendField(dst, 1, len(name)), name...)
	return append(appendField(dst, 2, len(value)), value...)
}

// append appends the encoded feature.
func (f Feature) append(dst []byte) []byte {
	var values []byte
	switch f.Kind {
	case None:
		return dst
	case Bytes:
		for _, v := range f.Bytes {
			values = append(appendField(values, 1, len(v)), v...)
		}
	case Float:
		if len(f.Floats) > 0 {
			values = appendField(values, 1, 4*len(f.Floats))
		}
		for _, v := range f.Floats {
			values = binary.LittleEndian.AppendUint32(values, math.Float32bits(v))
		}
	case Int:
		n := 0
		for _, v := range f.Ints {
			n += varintSize(uint64(v))
		}
		if n > 0 {
			values = appendField(values, 1, n)
		}
		for _, v := range f.Ints {
			values = binary.AppendUvarint(values, uint64(v))
		}
	}
	return append(appendField(dst, int(f.Kind), len(values)), values...)
}
