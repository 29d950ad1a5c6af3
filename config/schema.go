package config

import (
	"encoding"
	"fmt"
	"path"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// A Describer says what a field of a struct is for, or for the empty field what
// the type is; "" if it doesn't know.
type Describer func(t reflect.Type, field string) string

// Schema writes the JSON Schema (draft 2020-12) of what [Decode] reads into a
// struct like v, whose values are the defaults of its keys. Editors complete
// and check settings by it.
func Schema(v any, kinds Kinds, title string, describe Describer) ([]byte, error) {
	s := &schemer{kinds: kinds, describe: describe, encoder: encoder{kinds: kinds}, defs: map[string]*node{}}
	value := reflect.ValueOf(v)
	root := &node{form: mapping}
	root.put("$schema", text("https://json-schema.org/draft/2020-12/schema"))
	root.put("title", text(title))
	body := s.value(value.Type(), value, "", false)
	root.entries = append(root.entries, body.entries...)
	defs := &node{form: mapping}
	for _, name := range s.order {
		defs.put(name, s.defs[name])
	}
	root.put("$defs", defs)
	w := &jsonWriter{}
	w.value(root, 0)
	if s.encoder.err != nil {
		return nil, s.encoder.err
	}
	return append(w.text, '\n'), w.err
}

// Structs lists the struct types that settings like v are made of, in the order
// of their fields.
func Structs(v any, kinds Kinds) []reflect.Type {
	s := &schemer{kinds: kinds, describe: func(reflect.Type, string) string { return "" }, encoder: encoder{kinds: kinds}, defs: map[string]*node{}}
	value := reflect.ValueOf(v)
	s.value(value.Type(), value, "", false)
	return s.structs
}

// A schemer makes schemas of types. What several places may refer to becomes a
// definition.
type schemer struct {
	kinds    Kinds
	describe Describer
	encoder  encoder // of defaults
	defs     map[string]*node
	order    []string // of defs
	structs  []reflect.Type
}

func count(n int) *node { return &node{text: strconv.Itoa(n)} }

func texts(all ...string) *node {
	n := &node{form: list}
	for _, s := range all {
		n.items = append(n.items, text(s))
	}
	return n
}

// typed is a schema of a type of JSON.
func typed(name string) *node {
	n := &node{form: mapping}
	n.put("type", text(name))
	return n
}

// anyOf is the schema of what one of several describes.
func anyOf(all ...*node) *node {
	n := &node{form: mapping}
	n.put("anyOf", &node{form: list, items: all})
	return n
}

// orNull adds null to a schema.
func orNull(n *node) *node {
	if len(n.entries) > 0 && n.entries[0].key == "type" && n.entries[0].value.form == quoted {
		n.entries[0].value = texts(n.entries[0].value.text, "null")
		if e := n.entry("enum"); e != nil {
			e.value.items = append(e.value.items, null())
		}
		return n
	}
	if e := n.entry("anyOf"); e != nil {
		e.value.items = append(e.value.items, typed("null"))
		return n
	}
	return anyOf(n, typed("null"))
}

// value is the schema of a type under a key. v is the default, or no value.
func (s *schemer) value(t reflect.Type, v reflect.Value, key string, one bool) *node {
	if t.Kind() == reflect.Pointer {
		inner := reflect.Value{}
		if v.IsValid() && !v.IsNil() {
			inner = v.Elem()
		}
		return orNull(s.shared(t.Elem(), inner, key))
	}
	p := reflect.New(t)
	if known := values(p.Elem().Interface()); known != nil {
		n := typed("string")
		n.put("enum", texts(known...))
		return n
	}
	if _, ok := p.Interface().(encoding.TextUnmarshaler); ok {
		return typed("string")
	}
	if t == durationType {
		n := typed("string")
		n.put("pattern", text(`^[-+]?([0-9.]+(ns|us|µs|ms|s|m|h))+$|^0$`))
		return n
	}
	switch t.Kind() {
	case reflect.Interface:
		return orNull(s.reference(t, func() *node { return s.choice(t, nil, reflect.Value{}, key) }))
	case reflect.Struct:
		return s.structure(t, v, key)
	case reflect.Slice:
		n := typed("array")
		items := s.shared(t.Elem(), reflect.Value{}, key)
		n.put("items", items)
		if one {
			return orNull(anyOf(items, n))
		}
		return orNull(n)
	case reflect.Array:
		n := typed("array")
		n.put("items", s.shared(t.Elem(), reflect.Value{}, key))
		n.put("minItems", count(t.Len()))
		n.put("maxItems", count(t.Len()))
		return n
	case reflect.Map:
		n := typed("object")
		n.put("additionalProperties", s.shared(t.Elem(), reflect.Value{}, key))
		return orNull(n)
	case reflect.Bool:
		return typed("boolean")
	case reflect.String:
		return typed("string")
	case reflect.Float32, reflect.Float64:
		return typed("number")
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		n := typed("integer")
		n.put("minimum", count(0))
		return n
	}
	return typed("integer")
}

// shared is the schema of what may contain itself: structs are definitions.
func (s *schemer) shared(t reflect.Type, v reflect.Value, key string) *node {
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return s.value(t, v, key, false)
	}
	if !v.IsValid() {
		v = reflect.New(t).Elem()
		s.kinds.start(v)
	}
	return s.reference(t, func() *node { return s.structure(t, v, key) })
}

// reference refers to the definition of a type, and makes it the first time.
func (s *schemer) reference(t reflect.Type, make func() *node) *node {
	name := defName(t)
	if _, ok := s.defs[name]; !ok {
		s.defs[name] = nil // it may refer to itself
		s.order = append(s.order, name)
		s.defs[name] = make()
	}
	n := &node{form: mapping}
	n.put("$ref", text("#/$defs/"+name))
	return n
}

// defName is a type's name with its package's path inside the module.
func defName(t reflect.Type) string {
	pkg := strings.TrimPrefix(t.PkgPath(), path.Dir(reflect.TypeFor[Kind]().PkgPath())+"/")
	if pkg == "" {
		return t.Name()
	}
	return strings.ReplaceAll(pkg, "/", ".") + "." + t.Name()
}

// structure is the schema of a struct with its defaults.
func (s *schemer) structure(t reflect.Type, v reflect.Value, key string) *node {
	s.visit(t)
	fields, inline := fieldsOf(t)
	if inline == nil {
		apart(t, fields, nil, false)
		return orNull(s.object(t, fields, v, key))
	}
	return s.choice(t.FieldByIndex(inline.index).Type, fields, v, key)
}

func (s *schemer) visit(t reflect.Type) {
	if !slices.Contains(s.structs, t) {
		s.structs = append(s.structs, t)
	}
	for i := range t.NumField() { // those inline, whose fields are among its own
		f := t.Field(i)
		_, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.Type.Kind() == reflect.Struct && f.IsExported() && (f.Anonymous || options == "inline") {
			s.visit(f.Type)
		}
	}
}

// object is the schema of a struct without its null.
func (s *schemer) object(t reflect.Type, fields []field, v reflect.Value, key string) *node {
	n := typed("object")
	if d := s.describe(t, ""); d != "" {
		n.put("description", text(d))
	}
	n.put("properties", s.properties(fields, v, key))
	n.put("additionalProperties", &node{text: "false"})
	return n
}

// properties are the schemas of fields, with what they are for and what a
// missing key leaves.
func (s *schemer) properties(fields []field, v reflect.Value, key string) *node {
	all := &node{form: mapping}
	for _, f := range fields {
		var value reflect.Value
		var t reflect.Type
		if v.IsValid() {
			value = v.FieldByIndex(f.index)
			t = value.Type()
		} else {
			sf, _ := f.owner.FieldByName(f.goName)
			t = sf.Type
		}
		n := s.value(t, value, join(key, f.name), f.one)
		if d := s.describe(f.owner, f.goName); d != "" {
			n.put("description", text(d))
		}
		if value.IsValid() && t.Kind() != reflect.Struct {
			if d := s.encoder.value(value, join(key, f.name), f.one); d.form != mapping && finite(d) {
				n.put("default", d)
			}
		}
		all.put(f.name, n)
	}
	return all
}

// finite tells whether JSON has all numbers of a node.
func finite(n *node) bool {
	for _, item := range n.items {
		if item.form == mapping || !finite(item) {
			return false
		}
	}
	return n.form != plain || n.text != ".nan" && !strings.HasSuffix(n.text, ".inf")
}

// choice is the schema of what an interface can hold: a struct with its type,
// the fields around it and its own, or the name of a type alone.
func (s *schemer) choice(t reflect.Type, around []field, outer reflect.Value, key string) *node {
	if len(s.kinds[t]) == 0 {
		panic(fmt.Sprintf("internal error: config: there are no kinds of %v, at %s", t, key))
	}
	n := &node{form: mapping}
	all := &node{form: list}
	n.put("oneOf", all)
	var names []string
	for _, k := range possible(s.kinds[t]) {
		names = append(names, k.Name)
		v := reflect.ValueOf(k.Default)
		if v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		s.visit(v.Type())
		fields, _ := fieldsOf(v.Type())
		apart(v.Type(), around, fields, true)
		o := s.object(v.Type(), fields, v, key)
		constant := &node{form: mapping}
		constant.put("const", text(k.Name))
		properties := o.entry("properties").value
		properties.entries = slices.Concat([]entry{{key: typeKey, value: constant}}, s.properties(around, outer, key).entries, properties.entries)
		o.put("required", texts(typeKey))
		all.items = append(all.items, o)
	}
	short := typed("string")
	short.put("enum", texts(names...))
	all.items = append(all.items, short)
	return n
}
