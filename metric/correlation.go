package metric

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/tensor"
)

// Pearson is the correlation of outputs and targets, the mean over the outputs of
//
//	sum of (y - mean y)(t - mean t) / sqrt(sum of (y - mean y)^2 sum of (t - mean t)^2)
//
// It is NaN where one of them is constant.
//
// Source: scipy.stats.pearsonr; sums are kept as [R2] keeps them, and merged by the
// formula of Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm
// for computing sample variances" (1979).
type Pearson struct{ columns []moments }

// moments are what is known of one output: n times the variances and covariance.
type moments struct{ n, y, t, yy, tt, yt float64 }

func (m *moments) merge(o moments) {
	if o.n == 0 {
		return
	}
	n := m.n + o.n
	dy, dt, f := o.y-m.y, o.t-m.t, m.n*o.n/n
	m.yy += o.yy + dy*dy*f
	m.tt += o.tt + dt*dt*f
	m.yt += o.yt + dy*dt*f
	m.y += dy * o.n / n
	m.t += dt * o.n / n
	m.n = n
}

func (m moments) correlation() float64 { return m.yt / (math.Sqrt(m.yy) * math.Sqrt(m.tt)) }

// Add counts a batch: outputs and targets [N], or [N D] of D outputs each.
func (p *Pearson) Add(output, target *tensor.Tensor) error {
	width, err := columns(output, target, len(p.columns))
	if err != nil {
		return err
	}
	if p.columns == nil {
		p.columns = make([]moments, width)
	}
	for i := range output.Size() {
		p.columns[i%width].merge(moments{n: 1, y: output.Float(i), t: target.Float(i)})
	}
	return nil
}

// columns is the number of outputs of a sample, which must be what it was if that
// is not 0.
func columns(output, target *tensor.Tensor, before int) (width int, err error) {
	if err := pairs(output, target); err != nil {
		return 0, err
	}
	width = 1
	for _, d := range output.Shape().Dims()[1:] {
		width *= d
	}
	if before != 0 && before != width {
		return 0, fmt.Errorf("metric: outputs %v after some with %d numbers each", output, before)
	}
	return width, nil
}

// Merge adds what another has seen.
func (p *Pearson) Merge(other *Pearson) error {
	if p.columns == nil {
		p.columns = make([]moments, len(other.columns))
	}
	if other.columns != nil && len(p.columns) != len(other.columns) {
		return fmt.Errorf("metric: correlations of %d and %d outputs can't be merged", len(p.columns), len(other.columns))
	}
	for i, m := range other.columns {
		p.columns[i].merge(m)
	}
	return nil
}

// Value is -1 to 1.
func (p *Pearson) Value() float64 {
	sum := 0.0
	for _, m := range p.columns {
		sum += m.correlation()
	}
	return sum / float64(len(p.columns))
}

// Reset forgets all samples.
func (p *Pearson) Reset() { p.columns = nil }

// Spearman is the correlation of the ranks of outputs and targets, equal ones
// sharing the mean of theirs; the mean over the outputs. It holds all numbers.
//
// Source: scipy.stats.spearmanr.
type Spearman struct{ y, t [][]float64 }

// Add counts a batch: outputs and targets [N], or [N D] of D outputs each.
func (s *Spearman) Add(output, target *tensor.Tensor) error {
	width, err := columns(output, target, len(s.y))
	if err != nil {
		return err
	}
	if s.y == nil {
		s.y, s.t = make([][]float64, width), make([][]float64, width)
	}
	for i := range output.Size() {
		s.y[i%width] = append(s.y[i%width], output.Float(i))
		s.t[i%width] = append(s.t[i%width], target.Float(i))
	}
	return nil
}

// Merge adds what another has seen.
func (s *Spearman) Merge(other *Spearman) error {
	if s.y == nil {
		s.y, s.t = make([][]float64, len(other.y)), make([][]float64, len(other.y))
	}
	if other.y != nil && len(s.y) != len(other.y) {
		return fmt.Errorf("metric: correlations of %d and %d outputs can't be merged", len(s.y), len(other.y))
	}
	for i := range other.y {
		s.y[i], s.t[i] = append(s.y[i], other.y[i]...), append(s.t[i], other.t[i]...)
	}
	return nil
}

// Value is -1 to 1.
func (s *Spearman) Value() float64 {
	sum := 0.0
	for i := range s.y {
		var m moments
		y, t := ranks(s.y[i]), ranks(s.t[i])
		for j := range y {
			m.merge(moments{n: 1, y: y[j], t: t[j]})
		}
		sum += m.correlation()
	}
	return sum / float64(len(s.y))
}

// Reset forgets all samples.
func (s *Spearman) Reset() { s.y, s.t = nil, nil }

// ranks are the places of numbers in their order, from 0.
func ranks(x []float64) []float64 {
	order := make([]int, len(x))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(x[i], x[j]) })
	r := make([]float64, len(x))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && x[order[j]] == x[order[i]] {
			j++
		}
		for _, k := range order[i:max(j, i+1)] {
			r[k] = float64(i+max(j, i+1)-1) / 2
		}
		i = max(j, i+1) // NaN is equal to nothing
	}
	return r
}
