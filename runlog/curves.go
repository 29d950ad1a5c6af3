package runlog

import (
	"math"
	"slices"
	"strings"
)

// Curves is what a run's metrics look like over its steps: the loss, and one
// metric more.
type Curves struct {
	title  string
	panels []panel
}

// A panel is one metric: as training went, and as it was measured in between.
type panel struct {
	metric string
	train  []point
	scored []split // validation, then test; those that have values
}

// A split is the values of a metric on data that is not trained on.
type split struct {
	name   string
	points []point
}

type point struct{ step, value float64 }

// NewCurves takes the metric "loss" out of the records, and with it "accuracy"
// or else the first metric that was measured on "validation" or "test". Numbers
// that are not finite, or beyond 1e100, are left out.
func NewCurves(title string, records []Record) *Curves {
	c := &Curves{title: title}
	for _, metric := range []string{"loss", second(records)} {
		if p := newPanel(metric, records); metric != "" && !p.empty() {
			c.panels = append(c.panels, p)
		}
	}
	return c
}

// second chooses the metric beside the loss, "" for none.
func second(records []Record) string {
	first := ""
	for _, r := range records {
		for _, m := range r.Metrics {
			switch {
			case m.Name == "accuracy":
				return m.Name
			case first == "" && (r.Split == "validation" || r.Split == "test") && m.Name != "loss" && !strings.HasSuffix(m.Name, ".loss"):
				first = m.Name
			}
		}
	}
	return first
}

// Empty reports whether there is nothing to draw.
func (c *Curves) Empty() bool { return len(c.panels) == 0 }

func newPanel(metric string, records []Record) panel {
	p := panel{metric: metric}
	scored := []split{{name: "validation"}, {name: "test"}}
	for _, r := range records {
		v, ok := r.Value(metric)
		if !ok || !(math.Abs(v) <= 1e100) {
			continue
		}
		at := point{float64(r.Step), v}
		if r.Split == "train" {
			p.train = append(p.train, at)
		}
		for i := range scored {
			if r.Split == scored[i].name {
				scored[i].points = append(scored[i].points, at)
			}
		}
	}
	p.scored = slices.DeleteFunc(scored, func(s split) bool { return len(s.points) == 0 })
	return p
}

func (p panel) empty() bool { return len(p.train)+len(p.scored) == 0 }

// smooth returns the mean of each point and its neighbours on both sides, with
// weights that fall by a factor e over n/smoothParts points, n the number of
// points. Fewer than smoothParts points are their own mean.
//
// The weighted sums of the points up to i, and of those from i on, each follow
// from their neighbour: f[i] = x[i] + a f[i-1], b[i] = x[i] + a b[i+1]. The
// mean is (f[i] + b[i] - x[i]), divided by the same for x = 1.
func smooth(points []point) []point {
	n := len(points)
	if n < smoothParts {
		return points
	}
	a := math.Exp(-smoothParts / float64(n))
	out := make([]point, n)
	weight := make([]float64, n)
	var sum, w float64
	for i, p := range points {
		sum, w = p.value+a*sum, 1+a*w
		out[i] = point{p.step, sum - p.value}
		weight[i] = w - 1
	}
	sum, w = 0, 0
	for i := n - 1; i >= 0; i-- {
		sum, w = points[i].value+a*sum, 1+a*w
		out[i].value = (out[i].value + sum) / (weight[i] + w)
	}
	return out
}

// smoothParts is how many times its own memory the smoothed curve is long.
const smoothParts = 60

// thin keeps the least and the greatest of each group of neighbours, so that
// at most about limit points remain and every spike is seen.
func thin(points []point, limit int) []point {
	if len(points) <= limit {
		return points
	}
	group := (2*len(points) + limit - 1) / limit
	out := make([]point, 0, limit+2)
	for part := range slices.Chunk(points, group) {
		lo, hi := 0, 0
		for i, p := range part {
			if p.value < part[lo].value {
				lo = i
			}
			if p.value > part[hi].value {
				hi = i
			}
		}
		out = append(out, part[min(lo, hi)])
		if lo != hi {
			out = append(out, part[max(lo, hi)])
		}
	}
	return out
}

// quantile returns the value below which a fraction q of the points lies.
func quantile(points []point, q float64) float64 {
	values := make([]float64, len(points))
	for i, p := range points {
		values[i] = p.value
	}
	slices.Sort(values)
	return values[int(q*float64(len(values)-1))]
}
