// Package config reads and writes settings: plain Go structs as YAML or JSON,
// strictly. A key that a struct lacks is an error with line, caret and the
// nearest key; a field whose type is an interface holds one of several structs,
// told apart by the key "type".
//
// Keys are those of the fields' yaml tags. Two options may follow the name:
// "inline" lets the keys of a struct, or of the struct in an interface, stand
// among those around it; "one" lets a list of one element stand without its
// brackets. A field tagged "-" is left out, as one that is not exported is.
//
// Fields may be booleans, numbers, strings, time.Duration ("1h30m"), types with
// UnmarshalText and MarshalText, pointers (null is nil), structs, slices,
// arrays, maps with keys of strings or whole numbers, and interfaces. A type
// with a method Values() []string lists the texts that it can be.
package config

import "reflect"

// A Kind is a struct that may stand in a field of an interface type.
type Kind struct {
	Name    string // under "type"
	Default any    // the struct, with the settings that a missing key leaves
	Not     string // of a name that is known but can't stand here: why; Default is nil then
}

// Kinds lists what each interface type can hold, the most usual first. A struct
// type may be listed too, with a single Kind without a name: what a struct
// starts from that a file brings in, behind a pointer that was nil or in a list.
type Kinds map[reflect.Type][]Kind

// Decode reads settings from YAML, or from JSON if the path ends in .json, into
// the struct that a pointer points to. A key that is missing leaves the field
// as it is; a list or map that is given replaces the one before. Where type
// names the struct of an interface, settings start from its Default; those of a
// value that is there already stay only if it is of the same type. A bare word
// such as "constant" stands for {type: constant}.
//
// All mistakes are reported, in the order of the text, as [Errors]. The path
// only serves these messages.
func Decode(text []byte, path string, into any, kinds Kinds) error {
	d, err := Parse(text, path)
	if err != nil {
		return err
	}
	return d.Decode(into, kinds)
}
