package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// A field is a field of a struct under the key that it has in a file.
type field struct {
	name   string
	index  []int
	one    bool         // a list of one may be its element
	owner  reflect.Type // the struct that declares it
	goName string       // its name there
}

// fieldsOf lists the fields of a struct, those of structs inline among them. A
// field of an interface type that is inline comes apart: its keys depend on
// what it holds.
func fieldsOf(t reflect.Type) (fields []field, inline *field) {
	if t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("internal error: config: %v is no struct", t))
	}
	for i := range t.NumField() {
		f := t.Field(i)
		tag, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if tag == "-" || !f.IsExported() {
			continue
		}
		within := options == "inline" || f.Anonymous && tag == ""
		switch {
		case within && f.Type.Kind() == reflect.Interface:
			inline = &field{index: []int{i}}
		case within:
			inner, choice := fieldsOf(f.Type)
			if choice != nil {
				inline = &field{index: append([]int{i}, choice.index...)}
			}
			for _, g := range inner {
				g.index = append([]int{i}, g.index...)
				fields = append(fields, g)
			}
		default:
			if tag == "" {
				tag = strings.ToLower(f.Name)
			}
			fields = append(fields, field{tag, []int{i}, options == "one", t, f.Name})
		}
	}
	return fields, inline
}

// apart demands that the keys of a struct differ from each other, from those of
// what is inline in it, and from the type.
func apart(t reflect.Type, fields, more []field, chosen bool) {
	seen := map[string]bool{typeKey: chosen}
	for _, f := range slices.Concat(fields, more) {
		if seen[f.name] {
			panic(fmt.Sprintf("internal error: config: two settings of %v have the key %s", t, f.name))
		}
		seen[f.name] = true
	}
}

// named finds a field by its key.
func named(fields []field, key string) *field {
	for i := range fields {
		if fields[i].name == key {
			return &fields[i]
		}
	}
	return nil
}

// of finds the kind of what an interface holds.
func (k Kinds) of(v reflect.Value) (Kind, bool) {
	if v.IsNil() {
		return Kind{}, false
	}
	for _, kind := range k[v.Type()] {
		if reflect.TypeOf(kind.Default) == v.Elem().Type() {
			return kind, true
		}
	}
	return Kind{}, false
}

// copy returns a struct of its own that is equal to the one in v, which may be
// an interface or pointer to it.
func (k Kind) copy(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Interface || v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	s := reflect.New(v.Type()).Elem()
	s.Set(v)
	return s
}

// put stores a struct in an interface, as the pointer or value that the kind's
// Default is.
func (k Kind) put(v, s reflect.Value) {
	if reflect.TypeOf(k.Default).Kind() == reflect.Pointer {
		s = s.Addr()
	}
	v.Set(s)
}

// possible are the kinds that settings can be of.
func possible(all []Kind) []Kind {
	return slices.DeleteFunc(slices.Clone(all), func(k Kind) bool { return k.Not != "" })
}

// alternatives lists the names of kinds: "csv, jsonl or parquet".
func alternatives(kinds []Kind) string {
	var b strings.Builder
	for i, k := range kinds {
		switch {
		case i == 0:
		case i == len(kinds)-1:
			b.WriteString(" or ")
		default:
			b.WriteString(", ")
		}
		b.WriteString(k.Name)
	}
	return b.String()
}
