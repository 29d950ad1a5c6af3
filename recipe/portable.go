package recipe

import (
	"net/url"
	"path"
	"reflect"
	"regexp"
	"strings"
)

// Portable is a recipe without what tells of the machine that it ran on: of an
// absolute path the last part stays, and what follows the first part with a *;
// addresses lose users, passwords and what follows a "?". It is the recipe of the
// same run for who has the data in the folder that he works in. The text is that
// of a recipe, which is not checked: it may want kernels that are not here.
func Portable(text []byte, shown string) (Recipe, error) {
	d, err := document(text, shown, nil)
	if err != nil {
		return Recipe{}, err
	}
	r := Default()
	if err := d.Decode(&r, Kinds()); err != nil {
		return Recipe{}, err
	}
	return portable(reflect.ValueOf(r)).Interface().(Recipe), nil
}

// portable copies a value, with the texts in it that are paths or addresses made
// portable.
func portable(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	switch v.Kind() {
	case reflect.String:
		c.SetString(portableText(v.String()))
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				c.Field(i).Set(portable(v.Field(i)))
			}
		}
	case reflect.Slice:
		if !v.IsNil() {
			c.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
			for i := range v.Len() {
				c.Index(i).Set(portable(v.Index(i)))
			}
		}
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return c
		}
		inner := portable(v.Elem())
		if v.Kind() == reflect.Pointer {
			c.Set(reflect.New(v.Type().Elem()))
			c.Elem().Set(inner)
		} else {
			c.Set(inner)
		}
	}
	return c
}

var (
	absolute = regexp.MustCompile(`^(/|~|[A-Za-z]:[/\\]|\\\\)[^/\\]*[/\\]?[^/\\]`)
	address  = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://`)
)

func portableText(s string) string {
	switch {
	case address.MatchString(s):
		if strings.HasPrefix(s, "file://") {
			return portableText(strings.TrimPrefix(s, "file://"))
		}
		u, err := url.Parse(s)
		if err != nil {
			return path.Base(s)
		}
		u.User, u.RawQuery, u.Fragment = nil, "", ""
		return u.String()
	case absolute.MatchString(s):
		parts := strings.FieldsFunc(s, func(r rune) bool { return r == '/' || r == '\\' })
		first := len(parts) - 1
		for i, p := range parts {
			if strings.ContainsAny(p, "*?[{") {
				first = max(i-1, 0)
				break
			}
		}
		return strings.Join(parts[first:], "/")
	}
	return s
}
