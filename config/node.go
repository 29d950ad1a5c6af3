package config

import (
	"fmt"
	"strings"
)

// Limits of a text. Recipes have a few thousand bytes; JSON files may hold a
// vocabulary.
const (
	maxYAML  = 256 << 10
	maxJSON  = 64 << 20
	maxDepth = 100
	maxKeys  = 5000     // in the blocks of a YAML text
	maxMarks = 200      // tags and anchors of a YAML text
	maxNodes = 20 << 20 // with aliases written out
)

// A form is what a node is, apart from its type in Go.
type form uint8

const (
	plain  form = iota // a scalar without quotes, which the field's type gives its meaning
	quoted             // a string
	list
	mapping
)

// A node is a part of a text. Nodes that aliases share are never changed.
type node struct {
	form    form
	text    string // of plain and quoted
	items   []*node
	entries []entry
	at      place
}

// An entry is a key of a mapping with its value.
type entry struct {
	key   string
	at    place
	value *node
}

// A place is where something stands: a line and a column in the text, both from
// 1, or an override.
type place struct {
	line, column int32
	set          *string // the override, as it was given
}

// entry returns the entry of a key, nil if there is none.
func (n *node) entry(key string) *entry {
	for i := range n.entries {
		if n.entries[i].key == key {
			return &n.entries[i]
		}
	}
	return nil
}

// text is a string.
func text(s string) *node { return &node{form: quoted, text: s} }

// null is YAML's null.
func null() *node { return &node{text: "null"} }

// put adds a key to a mapping.
func (n *node) put(key string, value *node) {
	n.entries = append(n.entries, entry{key: key, value: value})
}

// isNull tells whether a node is YAML's null.
func (n *node) isNull() bool {
	return n.form == plain && (n.text == "null" || n.text == "~" || n.text == "" || n.text == "Null" || n.text == "NULL")
}

// boolean reads YAML's true or false.
func (n *node) boolean() (value, ok bool) {
	if n.form != plain {
		return false, false
	}
	switch n.text {
	case "true", "True", "TRUE":
		return true, true
	case "false", "False", "FALSE":
		return false, true
	}
	return false, false
}

// String describes a node for a message.
func (n *node) String() string {
	switch {
	case n.form == list:
		return "a list"
	case n.form == mapping:
		return "keys with values"
	case n.isNull():
		return "nothing"
	case n.form == quoted:
		return fmt.Sprintf("%q", shorten(n.text))
	}
	return shorten(n.text)
}

// shorten cuts what would make a message unreadable.
func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "..."
	}
	return strings.Map(printable, s)
}
