package config

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Encode writes settings as YAML: all keys, in the order of the fields, with
// the type of what an interface holds first. Decoding gives an equal value,
// except that lists and maps without elements become nil.
func Encode(v any, kinds Kinds) ([]byte, error) {
	n, err := encode(v, kinds)
	if err != nil {
		return nil, err
	}
	w := &yamlWriter{}
	w.block(n, 0)
	return w.text, nil
}

// EncodeJSON writes settings as indented JSON, as Encode does. JSON has no
// numbers that are not finite: they are an error.
func EncodeJSON(v any, kinds Kinds) ([]byte, error) {
	n, err := encode(v, kinds)
	if err != nil {
		return nil, err
	}
	w := &jsonWriter{}
	w.value(n, 0)
	if w.err != nil {
		return nil, w.err
	}
	return append(w.text, '\n'), nil
}

func encode(v any, kinds Kinds) (*node, error) {
	e := &encoder{kinds: kinds}
	n := e.value(reflect.ValueOf(v), "", false)
	return n, e.err
}

// An encoder turns Go values into nodes. Scalars are plain nodes with the text
// that YAML and JSON share, texts are quoted nodes.
type encoder struct {
	kinds Kinds
	err   error // the first
}

func (e *encoder) fail(key, format string, args ...any) *node {
	if e.err == nil {
		e.err = fmt.Errorf("config: %s: %s", key, fmt.Sprintf(format, args...))
	}
	return null()
}

func (e *encoder) value(v reflect.Value, key string, one bool) *node {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return null()
		}
		return e.value(v.Elem(), key, false)
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok && v.Kind() != reflect.Interface {
		return e.marshaled(m, key)
	}
	if v.CanAddr() {
		if m, ok := v.Addr().Interface().(encoding.TextMarshaler); ok && v.Kind() != reflect.Interface {
			return e.marshaled(m, key)
		}
	}
	if v.Type() == durationType {
		return text(duration(time.Duration(v.Int())))
	}
	switch v.Kind() {
	case reflect.Interface:
		return e.choice(v, key)
	case reflect.Struct:
		n := &node{form: mapping}
		e.structure(n, v, key)
		return n
	case reflect.Slice, reflect.Array:
		if one && v.Len() == 1 {
			return e.value(v.Index(0), key, false)
		}
		n := &node{form: list}
		for i := range v.Len() {
			n.items = append(n.items, e.value(v.Index(i), join(key, strconv.Itoa(i)), false))
		}
		return n
	case reflect.Map:
		return e.mapping(v, key)
	}
	return e.scalar(v, key)
}

func (e *encoder) marshaled(m encoding.TextMarshaler, key string) *node {
	b, err := m.MarshalText()
	if err != nil {
		return e.fail(key, "%v", err)
	}
	return e.string(string(b), key)
}

func (e *encoder) string(s, key string) *node {
	if !utf8.ValidString(s) {
		return e.fail(key, "%q is not UTF-8", s)
	}
	return text(s)
}

// duration is what time.Duration prints, without the zeros at its end.
func duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func (e *encoder) scalar(v reflect.Value, key string) *node {
	n := &node{}
	switch v.Kind() {
	case reflect.Bool:
		n.text = strconv.FormatBool(v.Bool())
	case reflect.String:
		return e.string(v.String(), key)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		n.text = strconv.FormatInt(v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n.text = strconv.FormatUint(v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		n.text = float(v.Float(), v.Type().Bits())
	default:
		panic(fmt.Sprintf("internal error: config: settings can't hold a %v, at %s", v.Type(), key))
	}
	return n
}

// float prints the shortest number that reads back as the same, in a form that
// YAML 1.1, YAML 1.2 and JSON have.
func float(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return ".nan"
	case math.IsInf(f, 1):
		return ".inf"
	case math.IsInf(f, -1):
		return "-.inf"
	}
	if a := math.Abs(f); a == 0 || a >= 1e-4 && a < 1e15 {
		return strconv.FormatFloat(f, 'f', -1, bits)
	}
	s := strconv.FormatFloat(f, 'e', -1, bits)
	if mantissa, exponent, _ := strings.Cut(s, "e"); !strings.Contains(mantissa, ".") {
		return mantissa + ".0e" + exponent
	}
	return s
}

func (e *encoder) mapping(v reflect.Value, key string) *node {
	n := &node{form: mapping}
	for it := v.MapRange(); it.Next(); {
		k := e.scalar(it.Key(), key)
		n.put(k.text, e.value(it.Value(), join(key, k.text), false))
	}
	slices.SortFunc(n.entries, func(a, b entry) int { return strings.Compare(a.key, b.key) })
	return n
}

// structure adds the fields of a struct to a mapping: the type of what is
// inline, the struct's own fields, and those of what is inline.
func (e *encoder) structure(n *node, v reflect.Value, key string) {
	fields, inline := fieldsOf(v.Type())
	var rest []entry
	if inline != nil {
		in := v.FieldByIndex(inline.index)
		if in.IsNil() {
			e.fail(key, "there is no %v", in.Type())
			return
		}
		if c := e.choice(in, key); len(c.entries) > 0 {
			n.entries, rest = append(n.entries, c.entries[0]), c.entries[1:]
		}
	}
	for _, f := range fields {
		n.put(f.name, e.value(v.FieldByIndex(f.index), join(key, f.name), f.one))
	}
	n.entries = append(n.entries, rest...)
}

// choice writes what an interface holds, its type first.
func (e *encoder) choice(v reflect.Value, key string) *node {
	if v.IsNil() {
		return null()
	}
	k, ok := e.kinds.of(v)
	if !ok {
		return e.fail(key, "%T is no kind of %v", v.Interface(), v.Type())
	}
	n := &node{form: mapping}
	n.put(typeKey, text(k.Name))
	s := v.Elem()
	if s.Kind() == reflect.Pointer {
		if s.IsNil() {
			return e.fail(key, "a nil %v has no settings", s.Type())
		}
		s = s.Elem()
	}
	e.structure(n, s, key)
	return n
}
