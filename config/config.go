// Package config reads and writes settings: plain Go structs as YAML or JSON,
// strictly. A key that a struct lacks is an error with line, caret and the
// nearest key; a field whose type is an interface holds one of several structs,
// told apart by the key "type".
package config

import "reflect"

// A Kind is a struct that may stand in a field of an interface type.
type Kind struct {
	Name    string // under "type"
	Default any    // the struct, with the settings that a missing key leaves
}

// Kinds lists what each interface type can hold, the most usual first.
type Kinds map[reflect.Type][]Kind
