package runlog

import (
	"math"
	"slices"
)

// Curves is what a run's metrics look like over its steps: the loss and,
// where it was logged, the accuracy, of the splits "train" and "test".
type Curves struct {
	title    string
	loss     panel
	accuracy panel
}

// A panel is one metric of both splits.
type panel struct {
	metric      string
	train, test []point
}

type point struct{ step, value float64 }

// NewCurves takes the metrics "loss" and "accuracy" (a fraction of 1) out of
// the records. Numbers that are not finite, or beyond 1e100, are left out.
func NewCurves(title string, records []Record) *Curves {
	return &Curves{title, newPanel("loss", records), newPanel("accuracy", records)}
}

// Empty reports whether there is nothing to draw.
func (c *Curves) Empty() bool { return c.loss.empty() && c.accuracy.empty() }

func newPanel(metric string, records []Record) panel {
	p := panel{metric: metric}
	for _, r := range records {
		v, ok := r.Value(metric)
		if !ok || !(math.Abs(v) <= 1e100) {
			continue
		}
		switch at := (point{float64(r.Step), v}); r.Split {
		case "train":
			p.train = append(p.train, at)
		case "test":
			p.test = append(p.test, at)
		}
	}
	return p
}

func (p panel) empty() bool { return len(p.train)+len(p.test) == 0 }

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
