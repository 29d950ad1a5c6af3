package explain

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// A ScoreKind is what is explained of a target.
type ScoreKind string

// The kinds.
const (
	// LogOdds are those of a class: log(p / (1-p)) of its probability p. For
	// classes that exclude each other, with logits z,
	//
	//	score = z[k] - log sum_{j != k} exp(z[j])
	//
	// and for others the logit z[k] itself. A logit alone would count what raises
	// all classes alike and decides nothing; the gradient of a probability, or of
	// its logarithm, vanishes where the model is sure.
	LogOdds ScoreKind = "log_odds"
	// Value is a number in its own unit.
	Value ScoreKind = "value"
)

// A score is a target's number whose gradient is taken.
type score struct {
	target    feature.Fitted
	output    int // of the model
	kind      ScoreKind
	exclusive bool     // one class only is right
	classes   []string // or the names of numbers
	whole     bool     // an input has no gradient, as tracing found
	place     int      // of the class that is asked for; -1 is the greatest
}

// newScore finds what a question asks for.
func newScore(set *feature.Set, q Question) (*score, error) {
	i := 0
	if q.Target != "" {
		if i = slices.IndexFunc(set.Targets, func(f feature.Fitted) bool { return f.Name == q.Target }); i < 0 {
			return nil, fmt.Errorf("there is no target %q; there are %s", q.Target, names(set.Targets))
		}
	}
	if len(set.Targets) == 0 {
		return nil, fmt.Errorf("the model has no target")
	}
	s := &score{target: set.Targets[i], output: i, kind: Value, place: -1}
	switch e := s.target.Encoder.(type) {
	case *feature.ClassEncoder:
		s.kind, s.exclusive, s.classes = LogOdds, true, e.Classes
	case *feature.ClassesEncoder:
		s.kind, s.classes = LogOdds, e.Classes
	case *feature.NumberEncoder:
		s.classes = e.Columns
	case *feature.SeriesEncoder:
		_, item := e.Item()
		for k := range item.Size() {
			s.classes = append(s.classes, strconv.Itoa(k))
		}
	default:
		return nil, fmt.Errorf("target %s is neither a class nor a number; others are not explained", s.target.Name)
	}
	if s.kind == Value {
		s.place = 0
	}
	if q.Class != "" {
		k := slices.Index(s.classes, q.Class)
		if k < 0 {
			return nil, fmt.Errorf("target %s has no class %q; there are %s", s.target.Name, q.Class, strings.Join(s.classes, ", "))
		}
		s.place = k
	}
	return s, nil
}

func names(list []feature.Fitted) string {
	var all []string
	for _, f := range list {
		all = append(all, f.Name)
	}
	return strings.Join(all, ", ")
}

// value is the score, of outputs z [C] and a 1 at its place.
func (s *score) value(z, one *ir.Value) *ir.Value {
	y := ops.Sum(ops.Mul(z, one))
	if s.exclusive && len(s.classes) > 1 {
		others := ops.MaskedFill(z, ops.Cast(one, dtype.Bool), math.Inf(-1))
		y = ops.Sub(y, ops.LogSumExp(others))
	}
	return y
}

// of returns the score as people read it, of outputs [C], and how much of it one
// unit of the network's output is.
func (s *score) of(z *tensor.Tensor, place int) (value, unit float64) {
	if s.kind == LogOdds {
		value = z.Float(place)
		if s.exclusive && len(s.classes) > 1 {
			most, sum := math.Inf(-1), 0.0
			for k := range z.Size() {
				if k != place {
					most = max(most, z.Float(k))
				}
			}
			for k := range z.Size() {
				if k != place {
					sum += math.Exp(z.Float(k) - most)
				}
			}
			value -= most + math.Log(sum)
		}
		return value, 1
	}
	// A scale is a line, or an exponential of one: a step tells its slope.
	e := s.target.Encoder.(feature.InUnits)
	at := func(x float64) float64 {
		t := tensor.New(dtype.Float64, z.Shape())
		t.SetFloat(place, x)
		return e.Unscale(t).Float(place)
	}
	x := z.Float(place)
	h := 1e-4 * max(1, math.Abs(x))
	return at(x), (at(x+h) - at(x-h)) / (2 * h)
}
