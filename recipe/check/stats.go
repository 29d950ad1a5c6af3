package check

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/text"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

// A row is one that is read, and what was found in it.
type row struct {
	values []any
	where  string // where to ask for it costs much
	err    error  // of reading
	wrong  []error

	hash   [16]byte // of the inputs' columns
	answer uint64   // of the targets' columns
	images []image.Header
	tokens []tokens
	labels [][]int // classes of each target that has some
}

// tokens are those of a text.
type tokens struct{ count, unknown int }

// A part is a feature, with the columns that it reads.
type part struct {
	encoder feature.Encoder
	columns []int
}

// stats sum up a split.
type stats struct {
	split   Split
	table   source.Table
	set     *feature.Set
	parts   []part // inputs, targets, weight
	inputs  []int  // columns
	targets []int

	columns []columnStats
	sizes   []map[[2]int]int // of each input of images
	lengths []lengths        // of each input of tokens
	good    reservoir[int]
	notes   []string
}

func newStats(set *feature.Set, name string, table source.Table) (*stats, error) {
	columns := table.Columns()
	st := &stats{split: Split{Name: name, Rows: table.Len()}, table: table, set: set}
	st.good = newReservoir[int](name, 0, pictured)
	used := make([][]string, len(columns))
	add := func(role, name string, e feature.Encoder) ([]int, error) {
		at, err := source.Index(columns, e.Reads()...)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", role, err)
		}
		st.parts = append(st.parts, part{e, at})
		for _, c := range at {
			if !slices.Contains(used[c], name) {
				used[c] = append(used[c], name)
			}
		}
		return at, nil
	}
	for _, f := range set.Inputs {
		at, err := add("input "+f.Name, f.Name, f.Encoder)
		if err != nil {
			return nil, err
		}
		st.inputs = append(st.inputs, at...)
		switch e := f.Encoder.(type) {
		case *feature.ImageEncoder:
			st.split.Images = append(st.split.Images, Images{Input: f.Name, Formats: map[string]int{}})
			st.sizes = append(st.sizes, map[[2]int]int{})
		case *feature.TokensEncoder:
			st.split.Texts = append(st.split.Texts, Texts{Input: f.Name, Limit: e.Length, Packed: e.Pack != nil})
			st.lengths = append(st.lengths, lengths{})
		}
	}
	for _, f := range set.Targets {
		at, err := add("target "+f.Name, f.Name, f.Encoder)
		if err != nil {
			return nil, err
		}
		st.targets = append(st.targets, at...)
		if classes := classesOf(f.Encoder); classes != nil {
			st.split.Targets = append(st.split.Targets, Balance{f.Name, classes, make([]int, len(classes))})
		}
	}
	if set.Weight != nil {
		if _, err := add("weight", "weight", set.Weight); err != nil {
			return nil, err
		}
	}
	for i, c := range columns {
		st.columns = append(st.columns, columnStats{
			Column: Column{Name: c.Name, Kind: c.Kind.String(), Used: used[i]}, kind: c.Kind,
			seen: map[uint64]bool{}, sample: newReservoir[float64](c.Name, uint64(i), numbersInPages),
		})
	}
	return st, nil
}

// classesOf lists the classes of a target, nil where it has none.
func classesOf(e feature.Encoder) []string {
	switch e := e.(type) {
	case *feature.ClassEncoder:
		return e.Classes
	case *feature.ClassesEncoder:
		return e.Classes
	}
	return nil
}

// An examiner looks at rows, one at a time.
type examiner struct {
	*stats
	items   []*tensor.Tensor
	decoder *image.Decoder
	buf     []int32
	values  []any
}

func (st *stats) examiner() *examiner {
	e := &examiner{stats: st, decoder: image.NewDecoder(image.RGB)}
	for _, p := range st.parts {
		e.items = append(e.items, tensor.New(p.encoder.Item()))
	}
	return e
}

// some are the values of some columns.
func (e *examiner) some(r *row, columns []int) []any {
	e.values = e.values[:0]
	for _, c := range columns {
		e.values = append(e.values, r.values[c])
	}
	return e.values
}

// look fills what is to be found in a row.
func (e *examiner) look(r *row) {
	r.wrong, r.images, r.tokens, r.labels = nil, r.images[:0], r.tokens[:0], r.labels[:0]
	if r.err != nil {
		return
	}
	for k, p := range e.parts {
		values := e.some(r, p.columns)
		var err error
		if !e.set.Packs() { // else rows are no examples
			if err = p.encoder.Encode(e.items[k], values, data.Draw{}); err != nil {
				r.wrong = append(r.wrong, err)
			}
		}
		if k < len(e.set.Inputs) {
			e.input(r, p.encoder, values[0], err == nil)
		} else if classesOf(p.encoder) != nil && k < len(e.set.Inputs)+len(e.set.Targets) {
			r.labels = append(r.labels, labels(e.items[k], err == nil))
		}
	}
	if len(r.wrong) > 0 || e.set.Packs() {
		return
	}
	var err error
	if r.hash, err = source.HashValues(e.some(r, e.inputs)); err != nil {
		r.wrong = append(r.wrong, err)
	}
	answer, err := source.HashValues(e.some(r, e.targets))
	if err != nil {
		r.wrong = append(r.wrong, err)
	}
	r.answer = binary.LittleEndian.Uint64(answer[:])
}

// input notes what a file or text is like.
func (e *examiner) input(r *row, encoder feature.Encoder, v any, good bool) {
	switch p := encoder.(type) {
	case *feature.ImageEncoder:
		var h image.Header
		if good {
			h = e.header(v)
		}
		r.images = append(r.images, h)
	case *feature.TokensEncoder:
		r.tokens = append(r.tokens, e.tokens(p, v))
	}
}

// labels are the classes of a row: one number, or a 1 for each that it has.
func labels(item *tensor.Tensor, good bool) []int {
	var all []int
	switch {
	case !good:
	case item.DType() == dtype.Int64:
		all = append(all, int(item.Int(0)))
	default:
		for c, v := range item.F32() {
			if v != 0 {
				all = append(all, c)
			}
		}
	}
	return all
}

// header says what an image is that was decoded before.
func (e *examiner) header(v any) image.Header {
	switch v := v.(type) {
	case []byte:
		h, _ := e.decoder.Header(v)
		return h
	case *tensor.Tensor:
		if n := v.Shape().Rank(); n >= 2 {
			return image.Header{Format: "array", Width: v.Shape().Dim(n - 1), Height: v.Shape().Dim(n - 2)}
		}
	}
	return image.Header{}
}

// tokens counts those of a text.
func (e *examiner) tokens(t *feature.TokensEncoder, v any) tokens {
	var s string
	switch v := v.(type) {
	case string:
		s = v
	case []byte:
		s = string(v)
	}
	var err error
	if e.buf, err = t.Tokenizer.Encode(e.buf[:0], s, data.Draw{}); err != nil {
		return tokens{} // Encode has told
	}
	n := tokens{count: len(e.buf)}
	if unknown, ok := t.Tokenizer.Special(text.Unknown); ok {
		for _, token := range e.buf {
			if token == unknown {
				n.unknown++
			}
		}
	}
	for _, added := range []bool{t.Start, t.End} {
		if added {
			n.count++
		}
	}
	return n
}

// add sums up a row that could be read.
func (st *stats) add(r *row, i int) {
	for k := range st.columns {
		st.columns[k].add(r.values[k], i)
	}
	for i, h := range r.images {
		if h.Format != "" {
			st.split.Images[i].Formats[h.Format]++
			st.sizes[i][[2]int{h.Width, h.Height}]++
		}
	}
	for i, n := range r.tokens {
		t := &st.split.Texts[i]
		t.Tokens += n.count
		t.Unknown += n.unknown
		if n.count > t.Limit && !t.Packed {
			t.Cut++
		}
		st.lengths[i][n.count]++
	}
	for i, labels := range r.labels {
		for _, c := range labels {
			st.split.Targets[i].Counts[c]++
		}
	}
}

// sum is what has been found.
func (st *stats) sum() Split {
	for i := range st.columns {
		c := &st.columns[i]
		st.split.Columns = append(st.split.Columns, c.sum())
		// One word makes a column of numbers one of text.
		if c.odd > 0 && c.numbers.Count >= 20*c.odd {
			st.notes = append(st.notes, fmt.Sprintf("column %s is text, and all of its values in %s but %d are numbers; the first of the others is %s: %q",
				c.Name, st.split.Name, c.odd, st.table.Where(c.where), clip(c.first)))
		}
	}
	for i, sizes := range st.sizes {
		images := &st.split.Images[i]
		images.Distinct = len(sizes)
		for s, n := range sizes {
			images.Sizes = append(images.Sizes, Size{s[0], s[1], n})
		}
		if len(sizes) == 0 {
			continue
		}
		slices.SortFunc(images.Sizes, func(a, b Size) int {
			return cmp.Or(cmp.Compare(a.Width*a.Height, b.Width*b.Height), cmp.Compare(a.Width, b.Width))
		})
		images.Smallest, images.Largest = images.Sizes[0], images.Sizes[len(images.Sizes)-1]
		slices.SortStableFunc(images.Sizes, func(a, b Size) int { return cmp.Compare(b.Count, a.Count) })
		images.Sizes = images.Sizes[:min(len(images.Sizes), 20)]
	}
	for i := range st.lengths {
		st.split.Texts[i].Lengths = st.lengths[i].quantiles()
	}
	return st.split
}

// clip shortens a text that a message quotes.
func clip(s string) string {
	if letters := []rune(s); len(letters) > 40 {
		return string(letters[:40]) + "..."
	}
	return s
}

// lengths counts texts by their numbers of tokens.
type lengths map[int]int

func (l lengths) sorted() []int {
	var all []int
	for n := range l {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// quantiles are exact.
func (l lengths) quantiles() Quantiles {
	all, rows := l.sorted(), 0
	for _, n := range l {
		rows += n
	}
	if rows == 0 {
		return Quantiles{}
	}
	at := func(share float64) int {
		below := 0
		for _, n := range all {
			if below += l[n]; float64(below) >= share*float64(rows) {
				return n
			}
		}
		return all[len(all)-1]
	}
	return Quantiles{all[0], at(0.5), at(0.9), at(0.99), all[len(all)-1]}
}

// columnStats sum up a column.
type columnStats struct {
	Column
	kind    source.Kind
	seen    map[uint64]bool // hashes of values
	numbers Numbers
	odd     int    // texts that are no numbers
	first   string // of them
	where   int    // its row
	sample  reservoir[float64]
}

// mostDistinct is how many different values of a column are counted: some
// megabytes.
const mostDistinct = 1 << 18

var hashSeed = maphash.MakeSeed()

func (c *columnStats) add(v any, row int) {
	switch v := v.(type) {
	case nil:
		c.Missing++
	case string:
		c.distinct(maphash.String(hashSeed, v))
		if x, err := strconv.ParseFloat(strings.TrimSpace(v), 64); err == nil {
			c.number(x)
			return
		}
		if c.odd++; c.odd == 1 {
			c.first, c.where = v, row
		}
	case bool:
		c.distinct(maphash.Comparable(hashSeed, v))
	case int64:
		c.distinct(maphash.Comparable(hashSeed, v))
		c.number(float64(v))
	case float64:
		c.number(v)
	}
}

// distinct notes a value by its hash: of a quarter of a million, two are taken
// for one once in half a billion times.
func (c *columnStats) distinct(hash uint64) {
	switch {
	case c.seen[hash]:
	case len(c.seen) == mostDistinct:
		c.More = true
	default:
		c.seen[hash] = true
	}
}

func (c *columnStats) number(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return
	}
	n := &c.numbers
	if n.Count == 0 {
		n.Min, n.Max = x, x
	}
	n.Count++
	n.Min, n.Max = min(n.Min, x), max(n.Max, x)
	n.Mean += (x - n.Mean) / float64(n.Count)
	c.sample.add(x)
}

func (c *columnStats) sum() Column {
	c.Distinct = len(c.seen)
	if c.numbers.Count > 0 {
		c.Numbers = &c.numbers
	}
	return c.Column
}

// A sample is some of the numbers of a column.
type sample struct {
	name   string
	values []float64
}

// samples are those of the columns that features take as numbers.
func (st *stats) samples() []sample {
	var all []sample
	for _, p := range st.parts {
		switch p.encoder.(type) {
		case *feature.NumericEncoder, *feature.NumberEncoder:
		default:
			continue
		}
		for _, c := range p.columns {
			col := &st.columns[c]
			named := func(s sample) bool { return s.name == col.Name }
			if len(col.sample.values) > 0 && !slices.ContainsFunc(all, named) {
				all = append(all, sample{col.Name, col.sample.values})
			}
		}
	}
	return all
}

// A reservoir keeps some of many values, each as likely as any other. The draws
// are the same whenever the values are.
type reservoir[T any] struct {
	values []T
	size   int
	seen   int
	draws  *rng.Stream
}

func newReservoir[T any](path string, step uint64, size int) reservoir[T] {
	return reservoir[T]{size: size, draws: rng.NewStream(1, "check."+path, step)}
}

func (r *reservoir[T]) add(v T) {
	r.seen++
	if len(r.values) < r.size {
		r.values = append(r.values, v)
	} else if k := r.draws.IntN(r.seen); k < r.size {
		r.values[k] = v
	}
}
