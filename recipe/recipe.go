// Package recipe has the records of experiments: every setting of a run as one
// value, which is what the command line sets, what a program can set, and what
// the run folder keeps as recipe.yaml.
package recipe

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/config"
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

// key notes what is wrong with the setting under a key, unless it is ok.
func (p *problems) key(key string, ok bool, format string, args ...any) {
	if !ok {
		p.add(config.Under(key, fmt.Errorf(format, args...)))
	}
}

// under notes what is wrong with the settings under a key.
func (p *problems) under(key string, err error) { p.add(config.Under(key, err)) }

func (p problems) err() error { return errors.Join(p...) }
