package config

import (
	"cmp"
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// typeKey is the key that names the struct of an interface.
const typeKey = "type"

var durationType = reflect.TypeFor[time.Duration]()

// Decode stores settings in the struct that a pointer points to, as the
// function Decode does.
func (d *Document) Decode(into any, kinds Kinds) error {
	v := reflect.ValueOf(into)
	if v.Kind() != reflect.Pointer || v.IsNil() {
		panic(fmt.Sprintf("internal error: config: settings are decoded into a pointer, not into %T", into))
	}
	r := &decoder{d: d, kinds: kinds, mistakes: slices.Clone(d.mistakes)}
	next := reflect.New(v.Type().Elem()).Elem()
	next.Set(v.Elem())
	r.value(d.root, next, "", false)
	if err := sorted(r.mistakes); err != nil {
		return err
	}
	v.Elem().Set(next)
	return nil
}

// A decoder stores nodes in Go values. It never writes through a pointer, slice
// or map that was there before: defaults share them.
type decoder struct {
	d        *Document
	kinds    Kinds
	mistakes []*Error
}

func (r *decoder) wrong(at place, format string, args ...any) {
	r.d.report(&r.mistakes, at, format, args...)
}

// wants says that a key wants something else than it got.
func (r *decoder) wants(n *node, key, what string) {
	r.wrong(n.at, "%s wants %s, got %v", cmp.Or(key, "the file"), what, n)
}

// value stores a node under a key in v. With one, a list may be given as its
// only element.
func (r *decoder) value(n *node, v reflect.Value, key string, one bool) {
	if v.Kind() == reflect.Pointer {
		r.pointer(n, v, key)
		return
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		r.text(n, u, key)
		return
	}
	if v.Type() == durationType {
		r.duration(n, v, key)
		return
	}
	switch v.Kind() {
	case reflect.Interface:
		r.choice(n, v, key)
	case reflect.Struct:
		r.structure(n, v, key)
	case reflect.Slice:
		r.slice(n, v, key, one)
	case reflect.Array:
		r.array(n, v, key)
	case reflect.Map:
		r.mapping(n, v, key)
	default:
		r.scalar(n, v, key)
	}
}

func (r *decoder) pointer(n *node, v reflect.Value, key string) {
	if n.isNull() {
		v.SetZero()
		return
	}
	p := reflect.New(v.Type().Elem())
	if v.IsNil() {
		r.kinds.start(p.Elem())
	} else {
		p.Elem().Set(v.Elem())
	}
	r.value(n, p.Elem(), key, false)
	v.Set(p)
}

// start fills a new value with what its type starts from.
func (k Kinds) start(v reflect.Value) {
	if kinds := k[v.Type()]; v.Kind() == reflect.Struct && len(kinds) == 1 {
		v.Set(reflect.ValueOf(kinds[0].Default))
	}
}

func (r *decoder) text(n *node, u encoding.TextUnmarshaler, key string) {
	if n.form == list || n.form == mapping || n.isNull() {
		r.wants(n, key, "a word")
		return
	}
	if known := values(u); known != nil && !slices.Contains(known, n.text) {
		r.wrong(n.at, "%s can't be %v%s", key, n, suggest(n.text, known))
		return
	}
	if err := u.UnmarshalText([]byte(n.text)); err != nil {
		r.wrong(n.at, "%s: %v", key, err)
	}
}

// values lists the texts that a type can be, nil if it has no list.
func values(v any) []string {
	if l, ok := v.(interface{ Values() []string }); ok {
		return l.Values()
	}
	return nil
}

func (r *decoder) duration(n *node, v reflect.Value, key string) {
	t, err := time.ParseDuration(n.text)
	if err != nil || n.form == list || n.form == mapping {
		r.wants(n, key, "a time such as 90s or 1h30m")
		return
	}
	v.SetInt(int64(t))
}

func (r *decoder) scalar(n *node, v reflect.Value, key string) {
	switch v.Kind() {
	case reflect.Bool:
		b, ok := n.boolean()
		if !ok {
			r.wants(n, key, "true or false")
			return
		}
		v.SetBool(b)
	case reflect.String:
		_, boolean := n.boolean()
		switch {
		case n.form == list || n.form == mapping || n.isNull():
			r.wants(n, key, "a text")
			return
		case boolean:
			r.wants(n, key, "a text, in quotes if it is a word of YAML")
			return
		}
		if known := values(v.Interface()); known != nil && !slices.Contains(known, n.text) {
			r.wrong(n.at, "%s can't be %v%s", key, n, suggest(n.text, known))
			return
		}
		v.SetString(n.text)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		digits, base := wholeNumber(n)
		i, err := strconv.ParseInt(digits, base, v.Type().Bits())
		if err != nil {
			r.wants(n, key, fmt.Sprintf("a whole number%s", within(err, math.MinInt64>>(64-v.Type().Bits()), uint64(math.MaxInt64)>>(64-v.Type().Bits()))))
			return
		}
		v.SetInt(i)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		digits, base := wholeNumber(n)
		u, err := strconv.ParseUint(digits, base, v.Type().Bits())
		if err != nil {
			r.wants(n, key, fmt.Sprintf("a whole number from 0 up%s", within(err, 0, uint64(math.MaxUint64)>>(64-v.Type().Bits()))))
			return
		}
		v.SetUint(u)
	case reflect.Float32, reflect.Float64:
		f, err := number(n, v.Type().Bits())
		if err != nil {
			r.wants(n, key, "a number")
			return
		}
		v.SetFloat(f)
	default:
		panic(fmt.Sprintf("internal error: config: settings can't hold a %v, at %s", v.Type(), key))
	}
}

// within adds the limits of a type to a message, where a number is outside.
func within(err error, least int64, most uint64) string {
	if e, ok := err.(*strconv.NumError); ok && e.Err == strconv.ErrRange {
		return fmt.Sprintf(" in %d..%d", least, most)
	}
	return ""
}

// wholeNumber returns the digits and base of a plain scalar: decimal, or after
// 0x, 0o or 0b. A leading 0 says nothing, and _ may stand between digits.
func wholeNumber(n *node) (digits string, base int) {
	if n.form != plain {
		return "", 10
	}
	text, sign := n.text, ""
	if text != "" && (text[0] == '+' || text[0] == '-') {
		text, sign = text[1:], text[:1]
	}
	if len(text) > 1 && text[0] == '0' && strings.ContainsRune("xob", rune(text[1])) {
		return sign + text, 0
	}
	return sign + separated(text), 10
}

// separated removes _ between digits.
func separated(text string) string {
	if !strings.Contains(text, "_") || strings.HasPrefix(text, "_") || strings.HasSuffix(text, "_") || strings.Contains(text, "__") {
		return text
	}
	return strings.ReplaceAll(text, "_", "")
}

// number reads a plain scalar as YAML 1.2 has floats.
func number(n *node, bits int) (float64, error) {
	if n.form != plain {
		return 0, strconv.ErrSyntax
	}
	switch strings.ToLower(strings.TrimPrefix(n.text, "+")) {
	case ".inf":
		return math.Inf(1), nil
	case "-.inf":
		return math.Inf(-1), nil
	case ".nan":
		return math.NaN(), nil
	}
	if strings.Trim(n.text, "0123456789+-.eE_") != "" {
		return 0, strconv.ErrSyntax // inf, nan and hexadecimal of Go
	}
	return strconv.ParseFloat(separated(n.text), bits)
}

func (r *decoder) slice(n *node, v reflect.Value, key string, one bool) {
	if n.isNull() {
		v.SetZero()
		return
	}
	items, lone := n.items, false
	if n.form != list {
		if !one {
			r.wants(n, key, "a list")
			return
		}
		items, lone = []*node{n}, true
	}
	if len(items) == 0 {
		v.SetZero()
		return
	}
	s := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		at := key
		if !lone {
			at = join(key, strconv.Itoa(i))
		}
		r.kinds.start(s.Index(i))
		r.value(item, s.Index(i), at, false)
	}
	v.Set(s)
}

func (r *decoder) array(n *node, v reflect.Value, key string) {
	if n.form != list || len(n.items) != v.Len() {
		what := fmt.Sprintf("a list of %d", v.Len())
		if n.form == list {
			r.wrong(n.at, "%s wants %s, got %d", key, what, len(n.items))
		} else {
			r.wants(n, key, what)
		}
		return
	}
	for i, item := range n.items {
		r.value(item, v.Index(i), join(key, strconv.Itoa(i)), false)
	}
}

func (r *decoder) mapping(n *node, v reflect.Value, key string) {
	if n.isNull() {
		v.SetZero()
		return
	}
	if n.form != mapping {
		r.wants(n, key, "keys with values")
		return
	}
	if len(n.entries) == 0 {
		v.SetZero()
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.entries))
	for _, e := range n.entries {
		k, x := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		r.scalar(&node{form: mapKeyForm(k.Kind()), text: e.key, at: e.at}, k, join(key, e.key))
		r.kinds.start(x)
		r.value(e.value, x, join(key, e.key), false)
		m.SetMapIndex(k, x)
	}
	v.Set(m)
}

// mapKeyForm is how the key of a map is read.
func mapKeyForm(k reflect.Kind) form {
	if k == reflect.String {
		return quoted
	}
	return plain
}

// structure stores the keys of a mapping in a struct.
func (r *decoder) structure(n *node, v reflect.Value, key string) {
	fields, inline := fieldsOf(v.Type())
	if inline == nil {
		if n.isNull() { // a section whose lines are all comments
			return
		}
		if n.form != mapping {
			r.wants(n, key, "keys with values")
			return
		}
		r.entries(n, key, fields, v, nil, reflect.Value{}, "")
		return
	}
	in := v.FieldByIndex(inline.index)
	k, s, ok := r.choose(n, in, key)
	if !ok {
		return
	}
	more, _ := fieldsOf(s.Type())
	r.entries(n, key, fields, v, more, s, k.Name)
	k.put(in, s)
}

// choice stores in an interface the struct that a mapping or a bare name asks
// for.
func (r *decoder) choice(n *node, v reflect.Value, key string) {
	if n.isNull() {
		v.SetZero()
		return
	}
	k, s, ok := r.choose(n, v, key)
	if !ok {
		return
	}
	fields, inline := fieldsOf(s.Type())
	if inline != nil {
		panic(fmt.Sprintf("internal error: config: %v is told apart by its type and has an interface inline", s.Type()))
	}
	r.entries(n, key, fields, s, nil, reflect.Value{}, k.Name)
	k.put(v, s)
}

// choose finds the kind of struct that a node asks for, and returns one with
// the settings that it starts from.
func (r *decoder) choose(n *node, v reflect.Value, key string) (Kind, reflect.Value, bool) {
	all, known := r.kinds[v.Type()]
	kinds := possible(all)
	if !known {
		panic(fmt.Sprintf("internal error: config: there are no kinds of %v, at %s", v.Type(), key))
	}
	name := n
	switch n.form {
	case list:
		r.wants(n, key, "a type, "+alternatives(kinds))
		return Kind{}, reflect.Value{}, false
	case mapping:
		name = nil
		if e := n.entry(typeKey); e != nil {
			name = e.value
		}
	}
	now, present := r.kinds.of(v)
	if name == nil {
		if present {
			return now, now.copy(v), true
		}
		r.wrong(n.at, "%s wants a type, %s", cmp.Or(key, "the file"), alternatives(kinds))
		return Kind{}, reflect.Value{}, false
	}
	if name.form == list || name.form == mapping || name.isNull() {
		r.wants(name, join(key, typeKey), alternatives(kinds))
		return Kind{}, reflect.Value{}, false
	}
	for _, k := range all {
		if k.Name != name.text {
			continue
		}
		if k.Not != "" {
			r.wrong(name.at, "%s can't be %s: %s", cmp.Or(key, "the file"), k.Name, k.Not)
			return Kind{}, reflect.Value{}, false
		}
		if present && now.Name == k.Name {
			return k, now.copy(v), true
		}
		return k, k.copy(reflect.ValueOf(k.Default)), true
	}
	var names []string
	for _, k := range kinds {
		names = append(names, k.Name)
	}
	r.wrong(name.at, "%s has no type %v%s", cmp.Or(key, "the file"), name, suggest(name.text, names))
	return Kind{}, reflect.Value{}, false
}

// entries stores the entries of a mapping in the fields of a struct, and those
// it lacks in more fields of another.
func (r *decoder) entries(n *node, key string, fields []field, v reflect.Value, more []field, s reflect.Value, typeName string) {
	for _, e := range n.entries {
		if typeName != "" && e.key == typeKey {
			continue
		}
		if f := named(fields, e.key); f != nil {
			r.value(e.value, v.FieldByIndex(f.index), join(key, e.key), f.one)
		} else if f := named(more, e.key); f != nil {
			r.value(e.value, s.FieldByIndex(f.index), join(key, e.key), f.one)
		} else {
			r.unknown(e, key, typeName, slices.Concat(fields, more))
		}
	}
}

// unknown says that there is no such key.
func (r *decoder) unknown(e entry, key, typeName string, fields []field) {
	var names []string
	if typeName != "" {
		names = append(names, typeKey)
	}
	for _, f := range fields {
		names = append(names, f.name)
	}
	where := ""
	if key != "" {
		where = " in " + key
	}
	if typeName != "" {
		where += " of type " + typeName
	}
	r.wrong(e.at, "unknown key %s%s%s", shorten(e.key), where, suggest(e.key, names))
}

// join puts a name after a key.
func join(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}
