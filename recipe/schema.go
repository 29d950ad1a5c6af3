package recipe

import (
	_ "embed"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/gradus-ml/gradus/config"
)

// descriptions has the comments of the structs that recipes are made of, and of
// their fields, as the source has them: "optim.SGD" and "optim.SGD.LR". A test
// keeps it up to date, and writes it with -update.
//
//go:embed descriptions.json
var descriptions []byte

// modulePath is what the paths of all packages begin with.
var modulePath = strings.TrimSuffix(reflect.TypeFor[Recipe]().PkgPath(), "recipe")

// describedAs is the key of a type in descriptions.
func describedAs(t reflect.Type) string {
	return strings.TrimPrefix(t.PkgPath(), modulePath) + "." + t.Name()
}

// Schema is the JSON Schema of recipes, by which editors complete and check
// them.
func Schema() ([]byte, error) {
	var about map[string]string
	if err := json.Unmarshal(descriptions, &about); err != nil {
		return nil, err
	}
	return config.Schema(Default(), Kinds(), "Gradus recipe", func(t reflect.Type, field string) string {
		key := describedAs(t)
		if field != "" {
			key += "." + field
		}
		return about[key]
	})
}
