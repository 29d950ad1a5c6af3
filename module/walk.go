package module

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A Tree is what Walk finds in a model.
type Tree struct {
	Params []Named  // in the order of fields; a shared one once, under its first key
	States []*State // with Key set, in the order of fields
	paths  map[any]string
	places []string // of modules, in the order of fields; an embedded one has its owner's
}

// Modules lists the paths of all modules within the model, in their own order.
func (t *Tree) Modules() []string {
	return slices.Compact(slices.Sorted(slices.Values(t.places)))
}

// Path is the path of a module, given the pointer to it.
func (t *Tree) Path(m any) (string, bool) {
	p, ok := t.paths[m]
	return p, ok
}

// Walk finds the parameters and states of a model: a pointer to a struct, or
// a slice of modules. A field's part of the key is its name in snake case, or
// what its tag `param:"name"` says; elements of slices are numbered; embedded
// structs add nothing. A tag `param:"-"` hides a field. A slice with the tag
// `param:"name#1"` gives its elements the names name1, name2, and so on; what
// comes after the number comes after theirs too. The children of a [Container]
// have the names that it gives.
func Walk(model any) (*Tree, error) {
	t := &Tree{paths: map[any]string{}}
	w := walker{t, map[string]bool{}, map[any]bool{}}
	v := reflect.ValueOf(model)
	if !v.IsValid() || v.Kind() == reflect.Struct {
		return nil, fmt.Errorf("module: a model must be a pointer to a struct, got %T", model)
	}
	if err := w.value(v, ""); err != nil {
		return nil, err
	}
	return t, nil
}

type walker struct {
	*Tree
	keys map[string]bool
	seen map[any]bool
}

// place notes the path of a module.
func (w walker) place(path string) {
	if path != "" {
		w.places = append(w.places, path)
	}
}

func (w walker) value(v reflect.Value, path string) error {
	switch v.Kind() {
	case reflect.Interface:
		if !v.IsNil() {
			return w.value(v.Elem(), path)
		}
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return w.pointer(v, path)
	case reflect.Slice, reflect.Array:
		if !holdsModules(v.Type().Elem()) {
			return nil
		}
		return w.elements(v, func(i int) string { return join(path, strconv.Itoa(i)) })
	}
	return nil
}

func (w walker) elements(v reflect.Value, path func(i int) string) error {
	for i := range v.Len() {
		e := v.Index(i)
		if e.Kind() == reflect.Struct && e.CanAddr() {
			e = e.Addr()
		}
		if err := w.value(e, path(i)); err != nil {
			return err
		}
	}
	return nil
}

func (w walker) pointer(v reflect.Value, path string) error {
	ptr := v.Interface()
	if v.Elem().Type().Size() == 0 {
		w.place(path)
		return nil // holds nothing, and all pointers to such modules may be equal
	}
	if w.seen[ptr] {
		return nil // shared: the first key counts
	}
	w.seen[ptr] = true
	switch p := ptr.(type) {
	case *Param:
		if err := w.claim(path); err != nil {
			return err
		}
		w.Params = append(w.Params, Named{path, p})
		return nil
	case *State:
		if err := w.claim(path); err != nil {
			return err
		}
		p.Key = path
		w.States = append(w.States, p)
		return nil
	}
	w.paths[ptr] = path
	w.place(path)
	if c, ok := ptr.(Container); ok {
		for _, child := range c.Children() {
			if err := w.value(reflect.ValueOf(child.Module), join(path, child.Name)); err != nil {
				return err
			}
		}
		return nil
	}
	e := v.Elem()
	if e.Kind() != reflect.Struct {
		return w.value(e, path)
	}
	for i := range e.NumField() {
		f := e.Type().Field(i)
		name, tagged := f.Tag.Lookup("param")
		if !f.IsExported() || name == "-" {
			continue
		}
		if !tagged {
			name = snake(f.Name)
		}
		at := join(path, name)
		if f.Anonymous && !tagged {
			at = path
		}
		fv := e.Field(i)
		if stem, first, rest, ok := numbered(name); ok && tagged {
			if fv.Kind() != reflect.Slice && fv.Kind() != reflect.Array {
				return fmt.Errorf("module: field %s of %v has the tag %q, which is for slices", f.Name, e.Type(), name)
			}
			if err := w.elements(fv, func(i int) string { return join(path, stem+strconv.Itoa(first+i)+rest) }); err != nil {
				return err
			}
			continue
		}
		if fv.Kind() == reflect.Struct {
			if !holdsModules(fv.Type()) {
				continue
			}
			fv = fv.Addr()
		}
		if err := w.value(fv, at); err != nil {
			return err
		}
	}
	return nil
}

// numbered takes a tag such as "layer#1" or "weight_l#0_reverse" apart.
func numbered(tag string) (stem string, first int, rest string, ok bool) {
	stem, number, ok := strings.Cut(tag, "#")
	if !ok {
		return "", 0, "", false
	}
	rest = strings.TrimLeft(number, "0123456789")
	first, err := strconv.Atoi(number[:len(number)-len(rest)])
	return stem, first, rest, err == nil
}

func (w walker) claim(key string) error {
	if w.keys[key] {
		return fmt.Errorf("module: two parameters have the key %q; give one field a tag `param:\"name\"`", key)
	}
	w.keys[key] = true
	return nil
}

// holdsModules tells kinds that can lead to a parameter from plain data.
func holdsModules(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Interface, reflect.Struct:
		return true
	case reflect.Slice, reflect.Array:
		return holdsModules(t.Elem())
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// snake writes a Go name in snake case: Conv1 gives conv1, QProj gives q_proj,
// BNRelu gives bn_relu.
func snake(name string) string {
	var b strings.Builder
	r := []rune(name)
	for i, c := range r {
		if unicode.IsUpper(c) && i > 0 {
			lowerBefore := !unicode.IsUpper(r[i-1])
			lowerAfter := i+1 < len(r) && unicode.IsLower(r[i+1])
			if r[i-1] != '_' && (lowerBefore || lowerAfter) {
				b.WriteByte('_')
			}
		}
		b.WriteRune(unicode.ToLower(c))
	}
	return b.String()
}
