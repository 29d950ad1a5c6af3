// Package recipe has the records of experiments: every setting of a run as one
// value, which is what the command line sets, what a program can set, and what
// the run folder keeps as recipe.yaml.
package recipe

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
)

// Encode writes a recipe as YAML, in the order of its fields.
func Encode(recipe any) ([]byte, error) {
	return yaml.MarshalWithOptions(recipe, yaml.IndentSequence(true))
}

// Decode reads a recipe from YAML into the value that a pointer points to. A
// key that the recipe does not have is an error; a key that is missing leaves
// the field as it is. The path only serves error messages, which show the line.
func Decode(text []byte, path string, recipe any) error {
	if err := yaml.UnmarshalWithOptions(text, recipe, yaml.Strict()); err != nil {
		return fmt.Errorf("recipe: %s: %w", path, err)
	}
	return nil
}

// A problems list gathers what is wrong with a recipe.
type problems []error

func (p *problems) that(ok bool, format string, args ...any) {
	if !ok {
		*p = append(*p, fmt.Errorf(format, args...))
	}
}

func (p *problems) add(err error) {
	if err != nil {
		*p = append(*p, err)
	}
}

func (p problems) err() error { return errors.Join(p...) }
