package recipe

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/optim/schedule"
)

// Validate tells all that is wrong, each with its key: see config.Problem.
func (r Recipe) Validate() error {
	var p problems
	p.key("format", r.Format >= 1 && r.Format <= Format, "must be in 1..%d, got %d", Format, r.Format)
	p.key("name", r.Name != "" && !strings.ContainsAny(r.Name, `/\:`) && !strings.HasPrefix(r.Name, "."),
		"must be the name of a folder, got %q", r.Name)
	p.under("data", r.Data.Validate())
	if r.Model == nil {
		p.key("model", false, "must be given: a type of model, or type layers with a list")
	} else {
		p.under("model", r.Model.Validate())
	}
	p.add(r.validateLosses())
	p.add(r.validateOptimizers())
	if r.Schedule == nil {
		p.key("schedule", false, "must be given; constant leaves the rate as it is")
	} else {
		p.under("schedule", r.Schedule.Validate())
	}
	p.under("strategy", r.Strategy.Validate())
	p.add(r.validateMetrics())
	for _, every := range []struct {
		key string
		n   *int
	}{{"evaluate.every_epochs", r.Evaluate.EveryEpochs}, {"evaluate.every_steps", r.Evaluate.EverySteps}} {
		p.key(every.key, every.n == nil || *every.n >= 1, "must be at least 1, got %d", pointed(every.n))
	}
	p.key("evaluate.batch", r.Evaluate.Batch >= 1, "must be at least 1, got %d", r.Evaluate.Batch)
	p.under("checkpoint", r.Checkpoint.Validate())
	p.key("log.every_steps", r.Log.EverySteps >= 1, "must be at least 1, got %d", r.Log.EverySteps)
	p.under("machine", r.Machine.Validate())
	return p.err()
}

// Validate tells all that is wrong, each with its key.
func (d Data) Validate() error {
	var p problems
	p.add(validateSource("train", d.Train))
	rest := 1.0
	for _, part := range []struct {
		key string
		*Part
	}{{"validation", d.Validation}, {"test", d.Test}} {
		switch {
		case part.Part == nil:
		case (part.Share == nil) == (part.Source == nil):
			p.key(part.key, false, "wants either a share of the rows of train, or a source")
		case part.Share != nil:
			p.key(part.key+".share", *part.Share > 0 && *part.Share < 1, "must be above 0 and below 1, got %v", *part.Share)
			rest -= *part.Share
		default:
			p.add(validateSource(part.key+".source", part.Source))
		}
	}
	p.key("train", rest > 1e-9, "the shares of validation and test leave no rows to learn from")
	p.under("split", d.Split.Validate())
	seen := map[string]string{}
	p.add(validateFeatures("inputs", d.Inputs, seen))
	p.add(validateFeatures("targets", d.Targets, seen))
	p.key("weight", d.Weight == nil || *d.Weight != "", "must name a column; null is for none")
	p.key("batch", d.Batch >= 1, "must be at least 1, got %d", d.Batch)
	if d.Pad != nil {
		p.under("pad", d.Pad.Validate())
	}
	p.add(d.validateRows())
	p.key("workers", d.Workers >= 1, "must be at least 1, got %d", d.Workers)
	return p.err()
}

func validateSource(key string, s source.Config) error {
	if s == nil {
		return config.Under(key, errors.New("must be given: a type of source, such as csv"))
	}
	return config.Under(key, s.Validate())
}

// validateFeatures checks features, whose names nothing seen so far may have.
func validateFeatures(key string, all []feature.Named, seen map[string]string) error {
	var p problems
	p.key(key, len(all) > 0, "must list at least one")
	for i, f := range all {
		at := fmt.Sprintf("%s.%d", key, i)
		before, twice := seen[f.Name]
		p.key(at+".name", f.Name != "", "must not be empty")
		p.key(at+".name", f.Name == "" || !twice, "%q is the name of data.%s too", f.Name, before)
		seen[f.Name] = at
		if f.Config == nil {
			p.key(at, false, "must have a type")
		} else {
			p.under(at, f.Config.Validate())
		}
	}
	return p.err()
}

// validateMetrics wants metrics that there are, and those that decide something
// among the ones that are computed.
func (r Recipe) validateMetrics() error {
	var p problems
	for i, name := range r.Evaluate.Metrics {
		if _, err := metric.New(name); err != nil {
			p.key(fmt.Sprintf("evaluate.metrics.%d", i), false, "%s", unknown(name, "metric", metric.Names()))
		}
	}
	type watch struct {
		metric   *string // nil for the loss
		maximize bool
	}
	watched := map[string]watch{"checkpoint": {r.Checkpoint.Metric, r.Checkpoint.Maximize}}
	if e := r.Strategy.EarlyStop; e != nil {
		watched["strategy.early_stop"] = watch{&e.Metric, e.Maximize}
	}
	if s, ok := r.Schedule.(schedule.Follower); ok {
		metric, maximize := s.Follows()
		watched["schedule"] = watch{metric, maximize}
	}
	for _, section := range slices.Sorted(maps.Keys(watched)) {
		name := watched[section].metric
		if name == nil {
			name = new("loss")
		}
		p.add(direction(section+".maximize", *name, watched[section].maximize))
		if watched[section].metric == nil {
			continue
		}
		key := section + ".metric"
		p.key(key, r.Data.Validation != nil, "%s is measured on the validation split, and data.validation is missing", *name)
		// With several targets names have the target's before them.
		known := len(r.Data.Targets) > 1 || *name == "loss" || slices.Contains(r.Evaluate.Metrics, *name)
		p.key(key, known, "%q is not computed; evaluate.metrics lists what is", *name)
	}
	return p.err()
}

// direction refuses to look for the worst of a metric that is known.
func direction(key, name string, maximize bool) error {
	name = name[strings.LastIndexByte(name, '.')+1:] // without the target's
	if _, err := metric.New(name); err != nil && name != "loss" {
		return nil
	}
	var p problems
	better := metric.Maximized(name)
	p.key(key, maximize == better, "must be %v, since %s of %s is better", better, map[bool]string{true: "more", false: "less"}[better], name)
	return p.err()
}

// element is the key of an element of a list, which stands without brackets if
// it is the only one.
func element(key string, i, n int) string {
	if n == 1 {
		return key
	}
	return fmt.Sprintf("%s.%d", key, i)
}

// validateLosses wants one loss for each target.
func (r Recipe) validateLosses() error {
	var p problems
	p.key("loss", len(r.Loss) > 0, "must be given: a type such as cross_entropy, or a list of them with a target each")
	names := map[string]bool{}
	var list []string
	for _, t := range r.Data.Targets {
		names[t.Name] = true
		list = append(list, t.Name)
	}
	has := map[string]bool{}
	for i, l := range r.Loss {
		at := element("loss", i, len(r.Loss))
		if l.Config == nil {
			p.key(at, false, "must have a type")
		} else {
			p.under(at, l.Config.Validate())
		}
		p.key(at+".weight", l.Weight >= 0 && !math.IsInf(l.Weight, 0), "must be a finite number and not negative, got %v", l.Weight)
		switch {
		case l.Target == nil && len(list) == 1:
			has[list[0]] = true
		case l.Target == nil:
			p.key(at+".target", len(list) == 0, "must name one of the targets %s", strings.Join(list, ", "))
		case !names[*l.Target]:
			p.key(at+".target", false, "%s", unknown(*l.Target, "target", list))
		default:
			p.key(at+".target", !has[*l.Target], "%q has a loss already", *l.Target)
			has[*l.Target] = true
		}
	}
	for i, t := range r.Data.Targets {
		p.key(fmt.Sprintf("data.targets.%d", i), has[t.Name] || len(r.Loss) == 0 || t.Name == "", "target %q has no loss", t.Name)
	}
	return p.err()
}

// unknown says that a name is none of the known ones, and which is nearest.
func unknown(name, what string, known []string) string {
	if n, ok := config.Nearest(name, known); ok {
		return fmt.Sprintf("there is no %s %q; did you mean %s?", what, name, n)
	}
	return fmt.Sprintf("there is no %s %q; there are %s", what, name, strings.Join(known, ", "))
}

// validateOptimizers wants each parameter to have at most one.
func (r Recipe) validateOptimizers() error {
	var p problems
	p.key("optimizer", len(r.Optimizer) > 0, "must be given: a type such as adamw, or a list of them with keys each")
	rest := false
	for i, o := range r.Optimizer {
		at := element("optimizer", i, len(r.Optimizer))
		if o.Config == nil {
			p.key(at, false, "must have a type")
			continue
		}
		p.under(at, o.Config.Validate())
		p.key(at+".lr", o.Config.Shared().LR != 0, "must be above 0, got 0")
		p.key(at+".keys", o.Keys != nil || !rest, "must be given: an optimizer before takes what no other names")
		rest = rest || o.Keys == nil
	}
	return p.err()
}

// pointed is what a pointer points to, 0 where it is nil.
func pointed(n *int) int {
	if n == nil {
		return 0
	}
	return *n
}
