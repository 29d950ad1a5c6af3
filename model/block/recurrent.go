package block

import (
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/nn"
)

// A Cell is the kind of a recurrent layer.
type Cell string

// The cells.
const (
	LSTM Cell = "lstm"
	GRU  Cell = "gru"
)

// Values lists the cells.
func (Cell) Values() []string { return []string{string(LSTM), string(GRU)} }

// Cell wants a cell that there is.
func (p *Problems) Cell(c Cell) {
	if all := c.Values(); !slices.Contains(all, string(c)) {
		p.Add("cell: there is no %q; there are %s", string(c), strings.Join(all, ", "))
	}
}

// Recurrent is an [nn.LSTM] or an [nn.GRU].
type Recurrent interface {
	nn.Forwarder
	Outputs(c *nn.Ctx, x, lengths *ir.Value) *ir.Value
}

// Build makes layers.
func (c Cell) Build(cfg nn.RecurrentConfig) Recurrent {
	if c == GRU {
		return nn.GRUConfig{RecurrentConfig: cfg}.Build()
	}
	return nn.LSTMConfig{RecurrentConfig: cfg}.Build()
}

// Unroll gives the outputs of x and the last states: h and, of an LSTM, the cells.
// First states are such ones, or nil for zeros; see [nn.LSTM.Unroll].
func Unroll(c *nn.Ctx, l Recurrent, x *ir.Value, states []*ir.Value, lengths *ir.Value) (y *ir.Value, last []*ir.Value) {
	if states == nil {
		states = make([]*ir.Value, 2)
	}
	switch l := l.(type) {
	case *nn.GRU:
		y, h := l.Unroll(c, x, states[0], lengths)
		return y, []*ir.Value{h}
	case *nn.LSTM:
		y, h, cells := l.Unroll(c, x, states[0], states[1], lengths)
		return y, []*ir.Value{h, cells}
	}
	panic("internal error: a recurrent layer that is neither LSTM nor GRU")
}
