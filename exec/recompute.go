package exec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/pass"
)

// Recompute makes later Runs keep only what goes into and out of some modules,
// and compute their inner values again in the backward pass, which takes less
// memory and more time; results stay the same bit for bit. Modules are given as
// patterns of their paths, see [module.Match]: "h.*" are h.0, h.1 and so on. Of
// modules within each other the outermost counts. A pattern that fits no module
// of the step is an error of the next Run. See [pass.Recompute].
func (f *Func) Recompute(modules ...string) { f.again, f.cache = slices.Clone(modules), nil }

// recompute applies the pass to the modules that the patterns fit.
func recompute(g *ir.Graph, patterns []string) (*ir.Graph, error) {
	seen := map[string]bool{"": true}
	var modules []string
	for _, n := range g.Nodes() {
		for m := n.Path(); !seen[m]; m = parent(m) {
			seen[m] = true
			modules = append(modules, m)
		}
	}
	slices.Sort(modules)
	first, err := module.MatchAll(patterns, modules)
	if err != nil {
		return nil, fmt.Errorf("exec: modules to compute again: %w", err)
	}
	chosen := map[string]bool{}
	for i, m := range modules {
		chosen[m] = first[i] >= 0
	}
	return pass.Recompute(g, func(path string) (outermost string) {
		for m := path; m != ""; m = parent(m) {
			if chosen[m] {
				outermost = m
			}
		}
		return outermost
	})
}

// parent is the path of the module around one, "" for none.
func parent(path string) string { return path[:max(0, strings.LastIndexByte(path, '.'))] }
