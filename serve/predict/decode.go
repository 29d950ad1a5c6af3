package predict

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/jsondoc"
)

// A decoder makes values of columns of the body of a request.
type decoder struct {
	body        []byte
	contentType string
	limit       int // of rows

	sig    *engine.Signature
	number map[string]int       // of columns by their names, where there are many
	n      int                  // rows
	values [][]any              // [column][row]; nil for a column that no row has
	place  func(row int) string // where a row of several stands, for messages: "row 3"
	doc    *jsondoc.Document
}

// reset begins with what a version takes.
func (d *decoder) reset(sig *engine.Signature) {
	d.close()
	*d = decoder{body: d.body, contentType: d.contentType, limit: d.limit, sig: sig, place: inRow}
	d.values = make([][]any, len(sig.Columns))
	if len(sig.Columns) > 16 {
		d.number = make(map[string]int, len(sig.Columns))
		for i, c := range sig.Columns {
			d.number[c.Name] = i
		}
	}
}

func (d *decoder) close() {
	if d.doc != nil {
		d.doc.Free()
		d.doc = nil
	}
}

func inRow(row int) string { return fmt.Sprintf("row %d", row) }

// columns are the values of some rows by column, as an engine takes them.
func (d *decoder) columns(from, to int) map[string][]any {
	m := make(map[string][]any, len(d.values))
	for i, v := range d.values {
		if v != nil {
			m[d.sig.Columns[i].Name] = v[from:to]
		}
	}
	return m
}

// index is the number of a column, or -1.
func (d *decoder) index(name []byte) int {
	if d.number != nil {
		if i, ok := d.number[string(name)]; ok {
			return i
		}
		return -1
	}
	for i := range d.sig.Columns {
		if d.sig.Columns[i].Name == string(name) {
			return i
		}
	}
	return -1
}

// set stores a value of a row, of which there are d.n so far or one more.
func (d *decoder) set(column, row int, v any) {
	list := d.values[column]
	for len(list) < row {
		list = append(list, nil)
	}
	d.values[column] = append(list, v)
}

// end closes the row that was set last: it has what the model can't do without.
func (d *decoder) end() error {
	row := d.n
	d.n++
	for i, list := range d.values {
		if len(list) == d.n {
			continue
		}
		c := &d.sig.Columns[i]
		if !c.Missing {
			return d.fail(row, "column %s is missing; %s", c.Name, d.reads())
		}
		if list != nil {
			d.values[i] = append(list, nil)
		}
	}
	return nil
}

// more wants room for another row.
func (d *decoder) more() error {
	if d.n == d.limit {
		return d.tooMany()
	}
	return nil
}

func (d *decoder) tooMany() error {
	return engine.Errorf(engine.TooLarge, "the request has more than %d rows", d.limit)
}

// fail tells what is wrong with a row.
func (d *decoder) fail(row int, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if d.place != nil {
		message = d.place(row) + ": " + message
	}
	return engine.Errorf(engine.Invalid, "%s", message)
}

// unknown tells of a column that the model does not read.
func (d *decoder) unknown(row int, name []byte) error {
	return d.fail(row, "the model has no column %q; %s", clip(name), d.reads())
}

// clip shortens what a message quotes.
func clip(b []byte) []byte {
	if len(b) > 60 {
		return append(b[:60:60], "..."...)
	}
	return b
}

// reads lists the columns, those that may be left out in brackets.
func (d *decoder) reads() string {
	var b strings.Builder
	b.WriteString("it reads")
	for i, c := range d.sig.Columns {
		switch {
		case i == 20:
			fmt.Fprintf(&b, " and %d more", len(d.sig.Columns)-i)
			return b.String()
		case i > 0:
			b.WriteByte(',')
		}
		if c.Missing {
			fmt.Fprintf(&b, " [%s]", c.Name)
		} else {
			fmt.Fprintf(&b, " %s", c.Name)
		}
	}
	return b.String()
}

// sole is the number of the only column, or -1.
func (d *decoder) sole() int {
	if len(d.sig.Columns) == 1 {
		return 0
	}
	return -1
}

// decode reads the body by its type.
func (d *decoder) decode() error {
	contentType := d.contentType
	if contentType == "application/json" {
		return d.json()
	}
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil && contentType != "" {
		return d.unsupported(fmt.Sprintf("Content-Type %.60q can't be read", contentType))
	}
	family, _, _ := strings.Cut(kind, "/")
	if charset := strings.ToLower(parameters["charset"]); charset != "" && charset != "utf-8" && charset != "us-ascii" {
		return d.unsupported(fmt.Sprintf("charset %.40q is not read, UTF-8 is", charset))
	}
	switch {
	case kind == "application/json":
		return d.json()
	case kind == "application/x-ndjson":
		return d.lines()
	case kind == "text/csv":
		return d.csv(",")
	case kind == "text/tab-separated-values":
		return d.csv("\t")
	case kind == "text/plain":
		return d.text()
	case kind == "multipart/form-data":
		return d.multipart(parameters["boundary"])
	case family == "image":
		return d.file(kind, feature.RawImage)
	case family == "audio":
		return d.file(kind, feature.RawAudio)
	case kind == "application/octet-stream", kind == "", kind == "application/x-www-form-urlencoded":
		// The last one is what curl says of --data-binary unless it is told.
		if k := sniff(d.body); k != "" {
			return d.file(kind, k)
		}
		return d.unsupported(fmt.Sprintf("Content-Type is %q, and the body is no picture or sound", kind))
	}
	return d.unsupported(fmt.Sprintf("Content-Type %.60q is not read", kind))
}

// unsupported tells of the types that the model takes.
func (d *decoder) unsupported(why string) error {
	return engine.Errorf(engine.Unsupported, "%s; the model takes %s", why, strings.Join(Takes(d.sig), ", "))
}

// Takes lists the types of bodies that a model can be asked by.
func Takes(sig *engine.Signature) []string {
	var list []string
	if only(sig, feature.RawImage) >= 0 {
		list = append(list, "image/png", "image/jpeg", "image/webp", "image/gif")
	}
	if only(sig, feature.RawAudio) >= 0 {
		list = append(list, "audio/wav")
	}
	if plain(sig) >= 0 {
		list = append(list, "text/plain")
	}
	list = append(list, "application/json", "application/x-ndjson", "multipart/form-data")
	if !slices.ContainsFunc(sig.Columns, func(c feature.Raw) bool {
		return c.Kind == feature.RawImage || c.Kind == feature.RawAudio || c.Kind == feature.RawArray
	}) {
		list = append(list, "text/csv", "text/tab-separated-values")
	}
	return list
}

// only is the number of the only column of a kind, or -1.
func only(sig *engine.Signature, k feature.RawKind) int {
	at := -1
	for i, c := range sig.Columns {
		if c.Kind == k {
			if at >= 0 {
				return -1
			}
			at = i
		}
	}
	return at
}

// plain is the number of the column that a text stands for, or -1.
func plain(sig *engine.Signature) int {
	if i := only(sig, feature.RawText); i >= 0 {
		return i
	}
	if len(sig.Columns) == 1 {
		switch sig.Columns[0].Kind {
		case feature.RawNumber, feature.RawCategory, feature.RawTime:
			return 0
		}
	}
	return -1
}

// sniff tells pictures and sounds by the bytes that they begin with.
func sniff(b []byte) feature.RawKind {
	switch {
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")), bytes.HasPrefix(b, []byte("\xff\xd8\xff")), bytes.HasPrefix(b, []byte("GIF8")):
		return feature.RawImage
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		return feature.RawImage
	case len(b) >= 12 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WAVE":
		return feature.RawAudio
	}
	return ""
}

// file takes the body as a file, the value of the only column of such.
func (d *decoder) file(contentType string, k feature.RawKind) error {
	i := only(d.sig, k)
	if i < 0 {
		n := "no column"
		if slices.ContainsFunc(d.sig.Columns, func(c feature.Raw) bool { return c.Kind == k }) {
			n = "several columns"
		}
		return d.unsupported(fmt.Sprintf("the body is one of kind %s, and the model has %s of that", k, n))
	}
	return d.one(i, d.body)
}

// text takes the body as a text.
func (d *decoder) text() error {
	i := plain(d.sig)
	if i < 0 {
		return d.unsupported("the body is one text, and the model reads none or more")
	}
	return d.one(i, d.string(i, string(d.body)))
}

// one makes the row of a body that is the value of one column.
func (d *decoder) one(column int, v any) error {
	d.place = nil
	d.set(column, 0, v)
	if c := &d.sig.Columns[column]; v == nil && !c.Missing {
		return engine.Errorf(engine.Invalid, "column %s has no value", c.Name)
	}
	return d.end()
}

// string is a value of a column that came as text: what is not there is nil,
// and only texts keep the space around them.
func (d *decoder) string(column int, s string) any {
	if d.sig.Columns[column].Kind == feature.RawText {
		return s
	}
	if s = strings.TrimSpace(s); s == "" {
		return nil
	}
	return s
}

// multipart takes files and fields by the names of columns, as curl -F and
// browsers send them. A name that is there several times is a column of several
// rows.
func (d *decoder) multipart(boundary string) error {
	if boundary == "" {
		return engine.Errorf(engine.Invalid, "Content-Type multipart/form-data has no boundary")
	}
	parts := multipart.NewReader(bytes.NewReader(d.body), boundary)
	for {
		p, err := parts.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			return engine.Errorf(engine.Invalid, "multipart/form-data: %v", err)
		}
		name := p.FormName()
		i := d.index([]byte(name))
		if i < 0 {
			return engine.Errorf(engine.Invalid, "the model has no column %q; %s", clip([]byte(name)), d.reads())
		}
		row := len(d.values[i])
		if row == d.limit {
			return d.tooMany()
		}
		content, err := io.ReadAll(p)
		if err != nil {
			return engine.Errorf(engine.Invalid, "multipart/form-data: column %s: %v", name, err)
		}
		v, err := d.part(i, p.Header.Get("Content-Type"), content)
		if err == nil && v == nil && !d.sig.Columns[i].Missing {
			err = engine.Errorf(engine.Invalid, "column %s has no value", name)
		}
		if err != nil {
			return err
		}
		d.set(i, row, v)
		d.n = max(d.n, row+1)
	}
	for i, list := range d.values {
		c := &d.sig.Columns[i]
		switch {
		case list == nil && !c.Missing:
			return engine.Errorf(engine.Invalid, "column %s is missing; %s", c.Name, d.reads())
		case list != nil && len(list) < d.n:
			return engine.Errorf(engine.Invalid, "column %s is there %d times, another one %d times", c.Name, len(list), d.n)
		}
	}
	if d.n == 1 {
		d.place = nil
	}
	return nil
}

// part is the value of one part.
func (d *decoder) part(i int, contentType string, content []byte) (any, error) {
	c := d.sig.Columns[i]
	if kind, _, _ := mime.ParseMediaType(contentType); kind == "application/json" || c.Kind == feature.RawArray {
		doc, err := jsondoc.Parse(content, jsondoc.DefaultLimits())
		if err != nil {
			return nil, engine.Errorf(engine.AsError(err).Code, "column %s: %s", c.Name, engine.AsError(err).Message)
		}
		defer doc.Free()
		return columns.JSON(c, doc.Root())
	}
	switch c.Kind {
	case feature.RawImage, feature.RawAudio:
		if columns.IsAddress(content) {
			return nil, engine.Errorf(engine.Invalid, "column %s: %s", c.Name, columns.Addressed)
		}
		return content, nil
	}
	return d.string(i, string(content)), nil
}
