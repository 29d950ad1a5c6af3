// Package recipe has the records of experiments: every setting of a run as one
// value, which is what the command line sets, what a program can set, and what
// the run folder keeps as recipe.yaml.
package recipe

import (
	"errors"
	"fmt"
)

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
