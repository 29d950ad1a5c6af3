package predict

import (
	"bytes"
	"fmt"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/jsondoc"
)

// json takes one row, {"column": value}; a list of rows; {"rows": [...]};
// {"columns": {"column": [...]}}. Of a model with one column a row may also be
// the value alone.
func (d *decoder) json() error {
	doc, err := jsondoc.Parse(d.body, jsondoc.DefaultLimits())
	if err != nil {
		return err
	}
	d.doc = doc
	root := doc.Root()
	switch root.Kind() {
	case jsondoc.Array:
		if i := d.sole(); i >= 0 && single(&d.sig.Columns[i], root) {
			d.place = nil
			return d.row(root)
		}
		return d.rows(root)
	case jsondoc.Object:
		if root.Len() == 1 {
			for name, v := range root.Members() {
				switch {
				case d.index(name) >= 0:
				case string(name) == "rows" && v.Kind() == jsondoc.Array:
					return d.rows(v)
				case string(name) == "columns" && v.Kind() == jsondoc.Object:
					return d.byColumn(v)
				}
			}
		}
	}
	d.place = nil // there is one row
	return d.row(root)
}

// single reports whether an array is one value of a column and not a list of
// rows.
func single(c *feature.Raw, v jsondoc.Value) bool {
	dims, nums, ok := v.Numbers()
	if !ok || len(nums) == 0 {
		return false
	}
	switch c.Kind {
	case feature.RawArray:
		return len(dims) == c.Shape.Rank()
	case feature.RawImage:
		switch len(dims) {
		case 1:
			return true
		case 2: // rows of flat images otherwise
			return c.Pixels[0] == 1 && dims[1] != c.Pixels[1]*c.Pixels[2]
		case 3: // rows of grey images otherwise
			return c.Pixels[0] > 1
		}
	}
	return false
}

// rows takes a list of rows.
func (d *decoder) rows(list jsondoc.Value) error {
	if list.Len() > d.limit {
		return d.tooMany()
	}
	for _, v := range list.Items() {
		if err := d.row(v); err != nil {
			return err
		}
	}
	return nil
}

// row takes one row.
func (d *decoder) row(v jsondoc.Value) error {
	if err := d.more(); err != nil {
		return err
	}
	_, file, _ := columns.Base64(v)
	if i := d.sole(); i >= 0 && (v.Kind() != jsondoc.Object || file && d.index([]byte("b64")) < 0) {
		if err := d.value(i, v); err != nil {
			return err
		}
		return d.end()
	}
	if v.Kind() != jsondoc.Object {
		return d.fail(d.n, "want an object with a value for each column, got %v; %s", v.Kind(), d.reads())
	}
	if err := d.members(nil, v); err != nil {
		return err
	}
	return d.end()
}

// members takes the values of a row, those of objects within it under dotted
// names, as tables of JSON lines have them.
func (d *decoder) members(prefix []byte, object jsondoc.Value) error {
	for name, v := range object.Members() {
		if prefix != nil {
			name = append(append(prefix[:len(prefix):len(prefix)], '.'), name...)
		}
		i := d.index(name)
		switch {
		case i >= 0 && len(d.values[i]) > d.n:
			return d.fail(d.n, "column %s is there twice", d.sig.Columns[i].Name)
		case i >= 0:
			if err := d.value(i, v); err != nil {
				return err
			}
		case v.Kind() == jsondoc.Object && v.Len() > 0 && len(name) < 1<<10:
			if err := d.members(name, v); err != nil {
				return err
			}
		default:
			return d.unknown(d.n, name)
		}
	}
	return nil
}

// value takes a value of the row that is being read.
func (d *decoder) value(i int, v jsondoc.Value) error {
	x, err := columns.JSON(d.sig.Columns[i], v)
	if err != nil {
		return err
	}
	d.set(i, d.n, x)
	return nil
}

// byColumn takes lists of values by column.
func (d *decoder) byColumn(object jsondoc.Value) error {
	n := -1
	for name, list := range object.Members() {
		i := d.index(name)
		if i < 0 {
			return engine.Errorf(engine.Invalid, "the model has no column %q; %s", clip(name), d.reads())
		}
		if list.Kind() != jsondoc.Array {
			return list.Errorf("want a list with a value for each row, got %v", list.Kind())
		}
		if n < 0 {
			if n = list.Len(); n > d.limit {
				return d.tooMany()
			}
		}
		if list.Len() != n {
			return list.Errorf("has %d values, another column %d", list.Len(), n)
		}
		d.values[i] = make([]any, 0, n)
		for _, v := range list.Items() {
			x, err := columns.JSON(d.sig.Columns[i], v)
			if err != nil {
				return err
			}
			d.values[i] = append(d.values[i], x)
		}
	}
	for i, list := range d.values {
		if c := &d.sig.Columns[i]; list == nil && !c.Missing {
			return engine.Errorf(engine.Invalid, "column %s is missing; %s", c.Name, d.reads())
		}
	}
	d.n = max(n, 0)
	return nil
}

// lines takes a row a line.
func (d *decoder) lines() error {
	var at []int  // the line of each row
	d.place = nil // errors below have the line
	rest := bytes.TrimPrefix(d.body, []byte("\xef\xbb\xbf"))
	for line := 1; len(rest) > 0; line++ {
		var text []byte
		text, rest, _ = bytes.Cut(rest, []byte("\n"))
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		at = append(at, line)
		doc, err := jsondoc.Parse(text, jsondoc.DefaultLimits())
		if err == nil {
			err = d.row(doc.Root())
			doc.Free()
		}
		if err != nil {
			e := engine.AsError(err)
			if e.Code == engine.Invalid {
				e = engine.Errorf(e.Code, "line %d: %s", line, e.Message)
			}
			return e
		}
	}
	d.place = func(row int) string { return fmt.Sprintf("line %d", at[row]) }
	return nil
}
