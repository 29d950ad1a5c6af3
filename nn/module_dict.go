package nn

import "github.com/gradus-ml/gradus/module"

// ModuleDict is modules or parameters by names, which are their keys, in the
// order in which they were given. A list of either needs no type: a field that is
// a slice of modules or of *Param numbers them, as torch.nn.ModuleList and
// ParameterList do.
//
// Source: torch.nn.ModuleDict and ParameterDict.
type ModuleDict[M any] struct {
	names []string
	byKey map[string]M
}

// Set gives the name a module, or a *Param. It is for the time before the model
// gets its store.
func (d *ModuleDict[M]) Set(name string, m M) {
	if d.byKey == nil {
		d.byKey = map[string]M{}
	}
	if _, ok := d.byKey[name]; !ok {
		d.names = append(d.names, name)
	}
	d.byKey[name] = m
}

// Get is what has a name; the zero value if nothing has.
func (d *ModuleDict[M]) Get(name string) M { return d.byKey[name] }

// Names are in the order in which they were set first.
func (d *ModuleDict[M]) Names() []string { return append([]string(nil), d.names...) }

// Children are the modules by their names.
func (d *ModuleDict[M]) Children() []module.Child {
	var children []module.Child
	for _, name := range d.names {
		children = append(children, module.Child{Name: name, Module: d.byKey[name]})
	}
	return children
}
