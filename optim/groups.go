package optim

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/gradus-ml/gradus/module"
)

// A Part is an optimizer for some of a model's parameters.
type Part struct {
	Config Config
	Keys   []string // globs, see module.Match; none takes what no other part names
}

// Training says which parameters are trained, and how fast. The zero value
// trains all of them at the rate of their optimizer.
type Training struct {
	Freeze []string // globs of keys that stay as they are
	Thaw   []Thaw   // what ends that
	Epoch  int      // the present one, from 1
	Rates  []Rate   // factors of the rate; the first that fits a key counts
	// Decay is the factor of the rate from each layer to the one before it;
	// the last layer has the full rate. See [Depths].
	Decay *float64
}

// A Thaw ends the freezing of keys.
type Thaw struct {
	Epoch int      `json:"epoch" yaml:"epoch"` // from this one on, the first being 1
	Keys  []string `json:"keys" yaml:"keys"`   // globs
}

// A Rate is a factor of the learning rate of some keys.
type Rate struct {
	Keys  []string `json:"keys" yaml:"keys"` // globs
	Scale float64  `json:"scale" yaml:"scale"`
}

// Groups deals a model's parameters out among optimizers, for [Build]. The rate
// of a step is that of the first part: a schedule starts from its LR,
// and the groups of the others have the ratio of their rates to it as a factor.
//
// What is frozen is in no group. The keys of state are the same whatever else
// is trained, so that an optimizer that is built again with more parameters
// goes on where the last one was. Thawed parameters have a clock of their own,
// "step.E" for epoch E: the corrections of Adam begin with their first step.
func Groups(params []module.Named, parts []Part, t Training) ([]Group, error) {
	keys := make([]string, len(params))
	for i, p := range params {
		keys[i] = p.Key
	}
	owner, err := owners(keys, parts)
	scales, errScale := t.scales(keys)
	clocks, errClock := t.clocks(keys)
	if err := errors.Join(err, errScale, errClock); err != nil {
		return nil, err
	}
	type kind struct {
		part  int
		scale float64
		clock string
	}
	index := map[kind]int{}
	var groups []Group
	for i, part := range parts {
		ratio, err := ratio(part.Config.Shared().LR, parts[0].Config.Shared().LR)
		if err != nil {
			return nil, err
		}
		for j, p := range params {
			if owner[j] != i || clocks[j] == frozen {
				continue
			}
			k := kind{i, ratio * scales[j], clocks[j]}
			if _, ok := index[k]; !ok {
				index[k] = len(groups)
				groups = append(groups, Group{Rule: part.Config, LRScale: k.scale, Clock: k.clock})
			}
			g := &groups[index[k]]
			g.Params = append(g.Params, p)
		}
	}
	if len(groups) == 0 {
		return nil, errors.New("optim: all parameters are frozen")
	}
	return groups, nil
}

func ratio(rate, first float64) (float64, error) {
	switch {
	case rate == first:
		return 1, nil
	case first == 0:
		return 0, fmt.Errorf("optim: the first optimizer's rate is 0, so that %v can't be a multiple of it; put another one first", rate)
	}
	return rate / first, nil
}

// owners gives for each key the number of the part that trains it.
func owners(keys []string, parts []Part) ([]int, error) {
	if len(parts) == 0 {
		return nil, errors.New("optim: there is no optimizer")
	}
	owner := make([]int, len(keys))
	rest := -1
	for i := range owner {
		owner[i] = -1
	}
	var errs []error
	for i, part := range parts {
		if len(part.Keys) == 0 {
			if rest >= 0 {
				errs = append(errs, fmt.Errorf("optim: optimizers %d and %d have no keys, so that both would train what is left", rest, i))
			}
			rest = i
			continue
		}
		fits, err := module.MatchAll(part.Keys, keys)
		if err != nil {
			errs = append(errs, fmt.Errorf("optim: keys of optimizer %d: %w", i, err))
			continue
		}
		for j, m := range fits {
			switch {
			case m < 0:
			case owner[j] >= 0:
				errs = append(errs, fmt.Errorf("optim: optimizers %d and %d both have keys that fit %s", owner[j], i, keys[j]))
			default:
				owner[j] = i
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for j := range owner {
		if owner[j] >= 0 {
			continue
		}
		if rest < 0 {
			return nil, fmt.Errorf("optim: no optimizer has keys that fit %s; one without keys trains what is left", keys[j])
		}
		owner[j] = rest
	}
	return owner, nil
}

// scales gives for each key the factor of the rate.
func (t Training) scales(keys []string) ([]float64, error) {
	scales := make([]float64, len(keys))
	for i := range scales {
		scales[i] = 1
	}
	var errs []error
	if d := t.Decay; d != nil {
		if !(*d > 0 && *d <= 1) {
			errs = append(errs, fmt.Errorf("optim: decay must be above 0 and at most 1, got %v", *d))
		}
		depth, n := Depths(keys)
		for i := range scales {
			scales[i] = math.Pow(*d, float64(n-1-depth[i]))
		}
	}
	taken := make([]bool, len(keys))
	for i, r := range t.Rates {
		if !(r.Scale >= 0 && r.Scale-r.Scale == 0) {
			errs = append(errs, fmt.Errorf("optim: rates.%d: scale must be a finite number and not negative, got %v", i, r.Scale))
		}
		fits, err := module.MatchAll(r.Keys, keys)
		if err != nil {
			errs = append(errs, fmt.Errorf("optim: rates.%d: %w", i, err))
		}
		for j, m := range fits {
			if m >= 0 && !taken[j] {
				taken[j] = true
				scales[j] *= r.Scale
			}
		}
	}
	return scales, errors.Join(errs...)
}

// frozen stands for the clock of what is not trained.
const frozen = "-"

// clocks gives for each key the clock of its steps.
func (t Training) clocks(keys []string) ([]string, error) {
	clocks := make([]string, len(keys))
	fits, err := module.MatchAll(t.Freeze, keys)
	if err != nil {
		return nil, fmt.Errorf("optim: freeze: %w", err)
	}
	var cold []string
	for i, m := range fits {
		if m >= 0 {
			clocks[i] = frozen
			cold = append(cold, keys[i])
		}
	}
	thawed := map[string]int{} // the first epoch of each key
	for i, thaw := range t.Thaw {
		if thaw.Epoch < 1 {
			return nil, fmt.Errorf("optim: thaw.%d: epoch must be at least 1, got %d", i, thaw.Epoch)
		}
		fits, err := module.MatchAll(thaw.Keys, cold)
		if err != nil {
			return nil, fmt.Errorf("optim: thaw.%d: among the frozen keys: %w", i, err)
		}
		for j, m := range fits {
			if first, ok := thawed[cold[j]]; m >= 0 && (!ok || thaw.Epoch < first) {
				thawed[cold[j]] = thaw.Epoch
			}
		}
	}
	for i, key := range keys {
		if epoch, ok := thawed[key]; ok && t.Epoch >= epoch {
			clocks[i] = fmt.Sprintf("step.%d", epoch)
		}
	}
	return clocks, nil
}

// Depths numbers the layers of a model by the keys of its parameters, in their
// order, from 0 to n-1. A layer is a block, all that has the same key up to its
// first number (layer1.0, transformer.h.3, encoder.layers.encoder_layer_5), or
// outside of blocks a module. What stands before the first block is one layer,
// what stands behind the last is one: embeddings and stem, last norm and head.
//
// Source: Bao and others, "BEiT" (2021), get_num_layer_for_vit.
func Depths(keys []string) (depth []int, n int) {
	depth = make([]int, len(keys))
	first, last := len(keys), -1 // keys of blocks
	names := make([]string, len(keys))
	for i, key := range keys {
		var block bool
		if names[i], block = layer(key); block {
			first, last = min(first, i), i
		}
	}
	seen := map[string]int{}
	for i, name := range names {
		switch {
		case last < 0: // there are no blocks
		case i < first:
			name = "before"
		case i > last:
			name = "behind"
		}
		if _, ok := seen[name]; !ok {
			seen[name] = n
			n++
		}
		depth[i] = seen[name]
	}
	return depth, n
}

// layer is what a parameter's key has in common with those of its layer.
func layer(key string) (name string, block bool) {
	parts := strings.Split(key, ".")
	modules := parts[:len(parts)-1]
	for i, part := range modules {
		if allDigits(part[strings.LastIndexByte(part, '_')+1:]) {
			return strings.Join(modules[:i+1], "."), true
		}
	}
	return strings.Join(modules, "."), false
}

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
