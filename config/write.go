package config

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// width is the length of a line that a list or mapping may fill.
const width = 100

// A yamlWriter writes nodes as YAML: mappings as lines, lists of scalars in
// brackets where they are short.
type yamlWriter struct{ text []byte }

func (w *yamlWriter) print(parts ...string) {
	for _, p := range parts {
		w.text = append(w.text, p...)
	}
}

// block writes a node at the start of a line, indented so far. What comes first
// is indented already.
func (w *yamlWriter) block(n *node, indent int) {
	margin := ""
	next := func() {
		w.print(margin)
		margin = strings.Repeat(" ", indent)
	}
	switch {
	case n.form == mapping && len(n.entries) > 0:
		for _, e := range n.entries {
			next()
			w.print(scalarText(text(e.key)), ":")
			w.after(e.value, indent)
		}
	case n.form == list && len(n.items) > 0:
		for _, item := range n.items {
			next()
			w.print("-")
			if text, ok := flow(item, width-indent-2); ok {
				w.print(" ", text, "\n")
				continue
			}
			w.print(" ")
			w.block(item, indent+2)
		}
	default:
		text, _ := flow(n, width)
		w.print(text, "\n")
	}
}

// after writes the value of a key that stands indented so far.
func (w *yamlWriter) after(n *node, indent int) {
	block := n.form == mapping && len(n.entries) > 0
	if n.form == list && len(n.items) > 0 {
		_, short := flow(n, width-indent)
		block = !short || n.items[0].form == mapping
	}
	if !block {
		text, _ := flow(n, width)
		w.print(" ", text, "\n")
		return
	}
	w.print("\n", strings.Repeat(" ", indent+2))
	w.block(n, indent+2)
}

// flow writes a node on one line, and tells whether it has room there.
func flow(n *node, room int) (line string, ok bool) {
	switch n.form {
	case list, mapping:
		var b strings.Builder
		brackets := "[]"
		if n.form == mapping {
			brackets = "{}"
		}
		b.WriteByte(brackets[0])
		part := func(i int, key string, n *node) bool {
			if i > 0 {
				b.WriteString(", ")
			}
			value, ok := flow(n, room-b.Len())
			b.WriteString(key)
			b.WriteString(value)
			return ok && b.Len() < room
		}
		for i, item := range n.items {
			if !part(i, "", item) {
				return "", false
			}
		}
		for i, e := range n.entries {
			if !part(i, scalarText(text(e.key))+": ", e.value) {
				return "", false
			}
		}
		b.WriteByte(brackets[1])
		return b.String(), true
	}
	line = scalarText(n)
	return line, len(line) <= room
}

// scalarText writes a scalar, a text in quotes where YAML would take it for
// something else.
func scalarText(n *node) string {
	if n.form == plain || bare(n.text) {
		return n.text
	}
	return quote(n.text)
}

// Text writes a text as a YAML scalar, in quotes where it needs them.
func Text(s string) []byte { return []byte(scalarText(text(s))) }

// bare tells whether a text means itself in YAML 1.1 and 1.2 without quotes: it
// looks like no number, date, null or boolean, and has letters, digits and a
// few signs alone.
func bare(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	if s == "" || !unicode.IsLetter(first) && !strings.ContainsRune("_./", first) && !unicode.IsDigit(first) {
		return false
	}
	for _, r := range s {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("_./+-@=*", r) {
			return false
		}
	}
	switch strings.ToLower(s) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n", ".inf", ".nan", ".", "..", "...", "=":
		return false
	}
	// 1, 0x1f, 1e5, 1_000, 2001-12-14: not worth telling apart
	return strings.Trim(strings.ToLower(s), "0123456789abcdefox_.+-") != "" || unicode.IsLetter(first) || first == '_' || strings.Contains(s, "/")
}

// quote writes a text in double quotes, with the escapes that JSON and YAML
// share.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r > 0xffff && !unicode.IsPrint(r):
			high, low := (r-0x10000)>>10+0xd800, (r-0x10000)&0x3ff+0xdc00
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		case r < ' ' || !unicode.IsPrint(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// A jsonWriter writes nodes as JSON: mappings as lines, lists of scalars on
// one.
type jsonWriter struct {
	text []byte
	err  error
}

func (w *jsonWriter) value(n *node, indent int) {
	switch n.form {
	case plain:
		if !json.Valid([]byte(n.text)) && w.err == nil {
			w.err = fmt.Errorf("config: JSON has no number %s", n.text)
		}
		w.text = append(w.text, n.text...)
	case quoted:
		w.text = append(w.text, quote(n.text)...)
	case list:
		w.lines("[]", indent, len(n.items), !nested(n.items), func(i int) { w.value(n.items[i], indent+2) })
	case mapping:
		w.lines("{}", indent, len(n.entries), false, func(i int) {
			w.text = append(append(w.text, quote(n.entries[i].key)...), ": "...)
			w.value(n.entries[i].value, indent+2)
		})
	}
}

// lines writes elements in brackets, on one line or on one each.
func (w *jsonWriter) lines(brackets string, indent, n int, short bool, element func(i int)) {
	w.text = append(w.text, brackets[0])
	for i := range n {
		switch {
		case i > 0 && short:
			w.text = append(w.text, ", "...)
		case i > 0:
			w.text = append(w.text, ',')
		}
		if !short {
			w.newLine(indent + 2)
		}
		element(i)
	}
	if n > 0 && !short {
		w.newLine(indent)
	}
	w.text = append(w.text, brackets[1])
}

func (w *jsonWriter) newLine(indent int) {
	w.text = append(append(w.text, '\n'), strings.Repeat(" ", indent)...)
}

// nested tells whether one of several nodes has nodes of its own.
func nested(nodes []*node) bool {
	for _, n := range nodes {
		if n.form == list || n.form == mapping {
			return true
		}
	}
	return false
}
