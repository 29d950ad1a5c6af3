package data

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Packing says how short sequences share rows of one length. A sequence is
// an item whose tensors all have its length as their first axis: tokens and
// targets, say. A row has these tensors, each [Length ...], the sequences one
// behind another, and two more, i64 [Length]: the segment of each position,
// 1 for those of the first sequence, 2 for the second, 0 for what is filled up;
// and the position within its sequence, from 0. Attention that is given the
// segments keeps sequences apart.
type Packing struct {
	Length int       `json:"length" yaml:"length"` // of a row
	Values []float64 `json:"values" yaml:"values"` // what fills up the end of each tensor
	Split  bool      `json:"split" yaml:"split"`   // cut what is longer than a row; otherwise it is an error
}

// Validate reports every mistake in p.
func (p *Packing) Validate() error {
	var errs []error
	if p.Length < 1 {
		errs = append(errs, config.Under("length", fmt.Errorf("%d, want at least 1", p.Length)))
	}
	if len(p.Values) == 0 {
		errs = append(errs, config.Under("values", errors.New("none, want one for each tensor")))
	}
	return errors.Join(errs...)
}

// Pieces returns the ends of the pieces that a sequence is cut into: one, if it
// fits in a row, none if it is empty.
func (p *Packing) Pieces(length int) ([]int, error) {
	if length > p.Length && !p.Split {
		return nil, fmt.Errorf("a sequence of length %d for rows of %d: cut it before, or let packing split", length, p.Length)
	}
	var ends []int
	for at := 0; at < length; {
		at = min(at+p.Length, length)
		ends = append(ends, at)
	}
	return ends, nil
}

// Sequence returns the length of a sequence.
func (p *Packing) Sequence(item []*tensor.Tensor) (int, error) {
	if len(item) != len(p.Values) {
		return 0, fmt.Errorf("%d tensors, packing has values for %d", len(item), len(p.Values))
	}
	for c, t := range item {
		if t.Shape().Rank() == 0 {
			return 0, fmt.Errorf("tensor %d is a scalar, want a sequence", c)
		}
		if n, want := t.Shape().Dim(0), item[0].Shape().Dim(0); n != want {
			return 0, fmt.Errorf("tensor %d has length %d, tensor 0 has %d", c, n, want)
		}
	}
	return item[0].Shape().Dim(0), nil
}

// Row lays sequences side by side in a row; together they fit.
func (p *Packing) Row(sequences [][]*tensor.Tensor) ([]*tensor.Tensor, error) {
	if len(sequences) == 0 {
		return nil, errors.New("data: pack: a row of no sequences")
	}
	var row []*tensor.Tensor
	for c, t := range sequences[0] {
		one := tensor.New(t.DType(), shape.Of(1))
		one.SetFloat(0, p.Values[c])
		out := tensor.New(t.DType(), t.Shape().With(0, p.Length))
		rest := out.Bytes()
		for k, s := range sequences {
			if t := s[c]; t.DType() != out.DType() || t.Shape().With(0, p.Length) != out.Shape() {
				return nil, fmt.Errorf("data: pack: tensor %d is %v in sequence %d of a row, in the first it is %v", c, t, k, sequences[0][c])
			}
			if len(s[c].Bytes()) > len(rest) {
				return nil, fmt.Errorf("data: pack: %d sequences are too long for a row of %d", len(sequences), p.Length)
			}
			rest = rest[copy(rest, s[c].Bytes()):]
		}
		fill(rest, one.Bytes())
		row = append(row, out)
	}
	segments, positions := tensor.New(dtype.Int64, shape.Of(p.Length)), tensor.New(dtype.Int64, shape.Of(p.Length))
	at := 0
	for k, s := range sequences {
		for i := range s[0].Shape().Dim(0) {
			segments.SetInt(at, int64(k+1))
			positions.SetInt(at, int64(i))
			at++
		}
	}
	return append(row, segments, positions), nil
}

// A piece is part of a sequence.
type piece struct{ item, lo, hi int }

// Pack returns the dataset of rows that the sequences of a dataset fill: the
// longest are laid out first, each in the row where it leaves the least room,
// of several in the one begun last. Which sequences share a row depends on their lengths alone; a dataset that is
// not [Measured] is read once for these.
func Pack(ds Dataset, p Packing) (Dataset, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("data: pack: %w", err)
	}
	pad := &Padding{}
	for i := range p.Values {
		pad.Values = append(pad.Values, &p.Values[i])
	}
	var pieces []piece
	for i := range ds.Len() {
		n, err := safeLength(ds, i, pad)
		var ends []int
		if err == nil {
			err = safely(i, func() error {
				ends, err = p.Pieces(n)
				return err
			})
		}
		if err != nil {
			return nil, err
		}
		lo := 0
		for _, hi := range ends {
			pieces = append(pieces, piece{i, lo, hi})
			lo = hi
		}
	}
	return &packed{ds, p, bestFit(pieces, p.Length)}, nil
}

// bestFit puts pieces in rows.
func bestFit(pieces []piece, length int) [][]piece {
	slices.SortStableFunc(pieces, func(a, b piece) int { return cmp.Compare(b.hi-b.lo, a.hi-a.lo) })
	var rows [][]piece
	open := make([][]int, length+1)        // rows by their room
	some := make([]uint64, (length+64)/64) // a bit for each room that a row has
	for _, x := range pieces {
		n := x.hi - x.lo
		row, room := 0, atLeast(some, n)
		if room < 0 {
			row, room = len(rows), length
			rows = append(rows, nil)
		} else {
			row = open[room][len(open[room])-1]
			if open[room] = open[room][:len(open[room])-1]; len(open[room]) == 0 {
				some[room/64] &^= 1 << (room % 64)
			}
		}
		rows[row] = append(rows[row], x)
		open[room-n] = append(open[room-n], row)
		some[(room-n)/64] |= 1 << ((room - n) % 64)
	}
	// In the order of the dataset, as far as can be.
	for _, row := range rows {
		slices.SortFunc(row, comparePieces)
	}
	slices.SortFunc(rows, func(a, b []piece) int { return comparePieces(a[0], b[0]) })
	return rows
}

func comparePieces(a, b piece) int {
	return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.lo, b.lo))
}

// atLeast returns the lowest bit that is set, from n on; -1 if there is none.
func atLeast(set []uint64, n int) int {
	for w := n / 64; w < len(set); w++ {
		x := set[w]
		if w == n/64 {
			x &= ^uint64(0) << (n % 64)
		}
		if x != 0 {
			return 64*w + bits.TrailingZeros64(x)
		}
	}
	return -1
}

type packed struct {
	ds   Dataset
	p    Packing
	rows [][]piece
}

func (s *packed) Len() int { return len(s.rows) }

func (s *packed) Item(i int) ([]*tensor.Tensor, error) { return s.row(i, s.ds.Item) }

func (s *packed) ItemAt(i, epoch int) ([]*tensor.Tensor, error) {
	return s.row(i, func(i int) ([]*tensor.Tensor, error) { return itemAt(s.ds, i, epoch) })
}

func (s *packed) row(i int, read func(i int) ([]*tensor.Tensor, error)) ([]*tensor.Tensor, error) {
	var sequences [][]*tensor.Tensor
	for _, x := range s.rows[i] {
		item, err := read(x.item)
		n := 0
		if err == nil {
			n, err = s.p.Sequence(item)
		}
		if err == nil && n < x.hi {
			err = fmt.Errorf("length %d, it was at least %d when the rows were made", n, x.hi)
		}
		if err != nil {
			return nil, fmt.Errorf("pack: item %d: %w", x.item, err)
		}
		part := make([]*tensor.Tensor, len(item))
		for c, t := range item {
			part[c] = t.Rows(x.lo, x.hi)
		}
		sequences = append(sequences, part)
	}
	return s.p.Row(sequences)
}
