package nn

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// RecurrentConfig describes what [RNN], [LSTM] and [GRU] have in common.
type RecurrentConfig struct {
	In            int     `json:"in" yaml:"in"`                       // width of the operand
	Hidden        int     `json:"hidden" yaml:"hidden"`               // units, the width of a state
	Layers        int     `json:"layers" yaml:"layers"`               // one above the other
	Bias          bool    `json:"bias" yaml:"bias"`                   // adds biases
	Bidirectional bool    `json:"bidirectional" yaml:"bidirectional"` // a second set of units reads backwards
	Dropout       float64 `json:"dropout" yaml:"dropout"`             // probability, after all layers but the last
}

func defaultRecurrent(in, hidden int) RecurrentConfig {
	return RecurrentConfig{In: in, Hidden: hidden, Layers: 1, Bias: true}
}

// Validate tells all that is wrong.
func (cfg RecurrentConfig) Validate() error { return cfg.validate(1) }

func (cfg RecurrentConfig) validate(gates int) error {
	errs := []error{positive("in", cfg.In, "hidden", cfg.Hidden, "layers", cfg.Layers)}
	if errs[0] == nil {
		errs = append(errs, fits(gates, cfg.Hidden, max(cfg.In, cfg.directions()*cfg.Hidden)))
	}
	if !(cfg.Dropout >= 0 && cfg.Dropout <= 1) {
		errs = append(errs, fmt.Errorf("dropout %v is outside 0..1", cfg.Dropout))
	}
	return errors.Join(errs...)
}

func (cfg RecurrentConfig) directions() int {
	if cfg.Bidirectional {
		return 2
	}
	return 1
}

// RecurrentWeights are the parameters of recurrent layers, one of each kind for
// every layer: with G gates, WeightIH [G*Hidden width of the layer's operand],
// WeightHH [G*Hidden Hidden] and the biases [G*Hidden], empty without. With a
// projection to P numbers WeightHH is [G*Hidden P] and WeightHR [P Hidden]; it is
// empty without. The second half belongs to the direction backwards. All are
// drawn from U(-1/sqrt(Hidden), 1/sqrt(Hidden)).
type RecurrentWeights struct {
	WeightIH        []*Param `param:"weight_ih_l#0"`
	WeightHH        []*Param `param:"weight_hh_l#0"`
	BiasIH          []*Param `param:"bias_ih_l#0"`
	BiasHH          []*Param `param:"bias_hh_l#0"`
	WeightHR        []*Param `param:"weight_hr_l#0"`
	WeightIHReverse []*Param `param:"weight_ih_l#0_reverse"`
	WeightHHReverse []*Param `param:"weight_hh_l#0_reverse"`
	BiasIHReverse   []*Param `param:"bias_ih_l#0_reverse"`
	BiasHHReverse   []*Param `param:"bias_hh_l#0_reverse"`
	WeightHRReverse []*Param `param:"weight_hr_l#0_reverse"`
}

// newRecurrentWeights makes the parameters of layers that give a number of
// values in each direction: Hidden, or what a projection makes of these.
func newRecurrentWeights(cfg RecurrentConfig, gates, out int) (w RecurrentWeights) {
	direction := func(weightIH, weightHH, biasIH, biasHH, weightHR *[]*Param) {
		in := cfg.In
		for range cfg.Layers {
			*weightIH = append(*weightIH, newParam(byFanIn(cfg.Hidden), gates*cfg.Hidden, in))
			*weightHH = append(*weightHH, newParam(byFanIn(cfg.Hidden), gates*cfg.Hidden, out))
			if cfg.Bias {
				*biasIH = append(*biasIH, newParam(byFanIn(cfg.Hidden), gates*cfg.Hidden))
				*biasHH = append(*biasHH, newParam(byFanIn(cfg.Hidden), gates*cfg.Hidden))
			}
			if out != cfg.Hidden {
				*weightHR = append(*weightHR, newParam(byFanIn(cfg.Hidden), out, cfg.Hidden))
			}
			in = cfg.directions() * out
		}
	}
	direction(&w.WeightIH, &w.WeightHH, &w.BiasIH, &w.BiasHH, &w.WeightHR)
	if cfg.Bidirectional {
		direction(&w.WeightIHReverse, &w.WeightHHReverse, &w.BiasIHReverse, &w.BiasHHReverse, &w.WeightHRReverse)
	}
	return w
}

// of are the parameters of one layer in one direction; biases and projection nil
// without.
func (w *RecurrentWeights) of(layer int, reverse bool) cellWeights {
	at := func(list []*Param) *Param {
		if layer < len(list) {
			return list[layer]
		}
		return nil
	}
	if reverse {
		return cellWeights{at(w.WeightIHReverse), at(w.WeightHHReverse), at(w.BiasIHReverse), at(w.BiasHHReverse), at(w.WeightHRReverse)}
	}
	return cellWeights{at(w.WeightIH), at(w.WeightHH), at(w.BiasIH), at(w.BiasHH), at(w.WeightHR)}
}

// A direction runs one direction of one layer: it takes the products of the
// inputs with their weight, the weight of the states, the biases, of which both
// or none are nil, and the projection or nil, and gives the outputs and the last
// states.
type direction func(x *ir.Value, w recurrentValues, states []*ir.Value, lengths *ir.Value, reverse bool) (y *ir.Value, last []*ir.Value)

// recurrentValues are the values of a [cellWeights] besides the first.
type recurrentValues struct{ hh, biasIH, biasHH, hr *ir.Value }

// unroll runs all layers. States are nil, or [layers*directions B width] with the
// widths given; the last ones are those of the single layers and directions, for
// join.
func (cfg RecurrentConfig) unroll(c *Ctx, name string, err error, w *RecurrentWeights, x *ir.Value, states []*ir.Value, widths []int, lengths *ir.Value, run direction) (*ir.Value, [][]*ir.Value) {
	if c.Graph().Err() == nil {
		if err == nil {
			err = cfg.check(x, states, widths, lengths)
		}
		if err != nil {
			refuse(c, name, err, x)
		}
	}
	if c.Graph().Err() != nil {
		return x, [][]*ir.Value{{x}, {x}}[:len(states)]
	}
	if lengths != nil {
		lengths = ops.Cast(lengths, dtype.Int64)
	}
	last := make([][]*ir.Value, len(states))
	for layer := range cfg.Layers {
		var ys []*ir.Value
		for d := range cfg.directions() {
			weights := w.of(layer, d == 1)
			var first []*ir.Value
			for i, s := range states {
				first = append(first, firstState(x, s, layer*cfg.directions()+d, widths[i]))
			}
			values := recurrentValues{c.Param(weights.hh), optional(c, weights.biasIH), optional(c, weights.biasHH), optional(c, weights.hr)}
			y, h := run(ops.Linear(x, c.Param(weights.ih), nil), values, first, lengths, d == 1)
			ys = append(ys, y)
			for i := range h {
				last[i] = append(last[i], h[i])
			}
		}
		x = ys[0]
		if len(ys) > 1 {
			x = ops.Concat(2, ys...)
		}
		if cfg.Dropout > 0 && c.Training() && layer < cfg.Layers-1 {
			key := c.Random()
			x = ops.Dropout(x, key.Seed, key.Step, cfg.Dropout, key.Stream)
		}
	}
	return x, last
}

// join makes [layers*directions B Hidden] of states [B Hidden].
func join(states []*ir.Value) *ir.Value {
	rows := make([]*ir.Value, len(states))
	for i, s := range states {
		rows[i] = ops.Unsqueeze(s, 0)
	}
	return ops.Concat(0, rows...)
}

// check says what is wrong with the operands.
func (cfg RecurrentConfig) check(x *ir.Value, states []*ir.Value, widths []int, lengths *ir.Value) error {
	if x.Rank() != 3 || x.Dim(2) != cfg.In {
		return fmt.Errorf("wants x [B T %d]", cfg.In)
	}
	for i, s := range states {
		want := ir.Type{DType: x.DType(), Shape: shape.Of(cfg.Layers*cfg.directions(), x.Dim(0), widths[i])}
		if s != nil && s.Type() != want {
			return fmt.Errorf("wants a state %v, got %v", want, s.Type())
		}
	}
	return checkLengths(lengths, x.Dim(0))
}

func checkLengths(lengths *ir.Value, batch int) error {
	if lengths != nil && (!lengths.DType().IsInt() || lengths.Shape() != shape.Of(batch)) {
		return fmt.Errorf("wants lengths [%d] of an integer type, got %v", batch, lengths.Type())
	}
	return nil
}

// firstState is state i [B width] of all, zeros without.
func firstState(x, states *ir.Value, i, width int) *ir.Value {
	if states == nil {
		return ops.Full(x.Graph(), x.DType(), shape.Of(x.Dim(0), width), 0)
	}
	return ops.Reshape(ops.Narrow(states, 0, i, 1), x.Dim(0), width)
}

// bothBiases is the sum of two biases, zeros [n] if there are none.
func bothBiases(like, ih, hh *ir.Value, n int) *ir.Value {
	if ih == nil {
		return ops.Full(like.Graph(), like.DType(), shape.Of(n), 0)
	}
	return ops.Add(ih, hh)
}

// gruBias joins two biases of a GRU: their sums for the first two gates, then
// each for the third.
func gruBias(like, ih, hh *ir.Value) *ir.Value {
	d := like.Dim(-1) / 3
	if ih == nil {
		return bothBiases(like, nil, nil, 4*d)
	}
	gates := ops.Add(ops.Narrow(ih, 0, 0, 2*d), ops.Narrow(hh, 0, 0, 2*d))
	return ops.Concat(0, gates, ops.Narrow(ih, 0, 2*d, d), ops.Narrow(hh, 0, 2*d, d))
}
