package recipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/tensor"
	"github.com/gradus-ml/gradus/train"
)

// A Saved is a trained model with its preprocessing, as a run folder keeps it.
type Saved struct {
	Dir     string
	Set     *feature.Set
	Network *model.Network
	Store   *exec.Store

	forward  *exec.Func
	captured []string // names of what Run gives behind the outputs
}

// OpenRun loads the model of a run folder, or of a folder that gradus export has
// written. A run that has not ended yet, or was killed, has the weights of its
// newest checkpoint. Nothing outside the folder is read: a link in it that leads
// out is an error.
func OpenRun(dir string, m Machine) (*Saved, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%s is no run folder: %w", dir, reason(err))
	}
	defer root.Close()
	return OpenRunFS(root.FS(), dir, m)
}

// OpenRunFS is OpenRun in a file system that holds what a run folder does, such
// as a zip archive of one whose files are read at any place: see
// safetensors.OpenFS. The path serves messages.
func OpenRunFS(fsys fs.FS, dir string, m Machine) (s *Saved, err error) {
	s = &Saved{Dir: dir}
	text, path, err := readText(fsys, dir, train.PreprocessFile)
	if err != nil {
		return nil, fmt.Errorf("%s is no run folder with a model: %w", dir, err)
	}
	if s.Set, err = feature.Parse(text, path); err != nil {
		return nil, err
	}
	if text, path, err = readText(fsys, dir, train.ConfigFile); err != nil {
		return nil, fmt.Errorf("%s is no run folder with a model: %w", dir, err)
	}
	if s.Network, err = model.ParseConfig(text, path); err != nil {
		return nil, err
	}
	b, err := m.Backend()
	if err != nil {
		return nil, err
	}
	if s.Store, err = exec.NewStore(b, s.Network.Module); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	if err := s.load(fsys); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.Capture()
	return s, nil
}

// readText reads a text of a run folder, and gives its path for messages.
func readText(fsys fs.FS, dir, name string) (text []byte, path string, err error) {
	path = filepath.Join(dir, filepath.FromSlash(name))
	st, err := fs.Stat(fsys, name)
	if err == nil && !st.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, path, fmt.Errorf("%s: not a regular file", path)
	}
	if err == nil {
		text, err = fs.ReadFile(fsys, name)
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", path, reason(err))
	}
	return text, path, err
}

// reason is an error without the name that a file system knows a file by.
func reason(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// NewSaved puts together what OpenRun reads from a folder: for a program that
// has trained a model and uses it at once, or makes one of its own. The store
// holds the network's values, and is closed with it.
func NewSaved(set *feature.Set, network *model.Network, store *exec.Store) *Saved {
	s := &Saved{Set: set, Network: network, Store: store}
	s.Capture()
	return s
}

// Share returns the same model on a backend of its own, with some settings of
// its own and the same weights in the same memory, so that both can run at a
// time. It is closed before s.
func (s *Saved) Share(opts ...cpu.Option) (*Saved, error) {
	b, ok := s.Store.Backend().(*cpu.Backend)
	if !ok {
		return nil, fmt.Errorf("recipe: a model on backend %s can't be shared", s.Store.Backend().Name())
	}
	return NewSaved(s.Set, s.Network, s.Store.Share(b.Clone(opts...))), nil
}

// Step is what Run runs, for those who plan what it needs.
func (s *Saved) Step() *exec.Func { return s.forward }

// Capture makes later predictions hold what the modules give whose paths fit one
// of some patterns, see [module.Ctx.Capture].
func (s *Saved) Capture(patterns ...string) {
	s.forward = exec.NewFunc(s.Store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		seen := c.Capture(patterns...)
		out := s.Network.Map(c.Eval(), in)
		s.captured = nil
		for _, v := range seen.Values() {
			if c.Graph().Err() == nil && (v.Value.Rank() == 0 || v.Value.Dim(0) != in[0].Dim(0)) {
				c.Graph().Fail("capture", fmt.Sprintf("%s gives %v, which has no axis for the batch", v.Name, v.Value.Type()), nil)
			}
			s.captured, out = append(s.captured, v.Name), append(out, v.Value)
		}
		return out
	})
}

// load reads the weights.
func (s *Saved) load(fsys fs.FS) error {
	path := filepath.Join(s.Dir, filepath.FromSlash(train.WeightsFile))
	err := train.LoadModelFS(fsys, train.WeightsFile, path, s.Store)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	checkpoints, err := fs.Sub(fsys, train.CheckpointsDir)
	if err != nil {
		return err
	}
	c, _, err := checkpoint.LatestFS(checkpoints, filepath.Join(s.Dir, train.CheckpointsDir))
	if err != nil {
		return fmt.Errorf("%s has no weights yet: %w", s.Dir, err)
	}
	return train.LoadCheckpointModel(c, s.Store)
}

// Close frees the store.
func (s *Saved) Close() error { return s.Store.Close() }

// Run gives the outputs of a batch of encoded inputs, and behind them what is
// captured, valid until the next Run.
func (s *Saved) Run(ctx context.Context, in ...*tensor.Tensor) ([]*tensor.Tensor, error) {
	return s.forward.Run(ctx, in...)
}

// A Prediction is what a model says of one row: under the name of each target
// what a person reads.
type Prediction struct {
	Row     int
	Where   string
	Results map[string]any
	// Captured is what modules gave for the row, by their paths, if Capture asked
	// for it; of a module that gave several values the others have "#1", "#2", ...
	// behind the path.
	Captured map[string]*tensor.Tensor
}

// Predict yields the predictions for the rows of a table, in their order, in
// batches of so many rows. What is said of a row does not depend on the others:
// where inputs vary, rows are filled up by their own length alone, see
// [feature.Set.Lengths]. The first error comes last.
func (s *Saved) Predict(ctx context.Context, table source.Table, batch int) iter.Seq2[*Prediction, error] {
	return func(yield func(*Prediction, error) bool) {
		examples, err := s.Set.WithoutTargets().Dataset(table, 0, false)
		if err != nil {
			yield(nil, err)
			return
		}
		batches := s.batches(ctx, examples, batch)
		if s.Set.Lengths() != nil {
			batches = s.varying(ctx, examples, batch)
		}
		for list, err := range batches {
			for _, p := range list {
				if !yield(p, nil) {
					return
				}
			}
			if err != nil {
				yield(nil, err)
				return
			}
		}
	}
}

// batches predicts rows of one length.
func (s *Saved) batches(ctx context.Context, examples *feature.Dataset, batch int) iter.Seq2[[]*Prediction, error] {
	return func(yield func([]*Prediction, error) bool) {
		loader, err := data.NewLoader(examples, data.LoaderConfig{Batch: batch})
		if err != nil {
			yield(nil, err)
			return
		}
		for b, err := range loader.Epoch(ctx, 0) {
			var list []*Prediction
			if err == nil {
				list, err = s.predict(ctx, examples, b.Inputs, b.Items, nil)
			}
			if !yield(list, err) || err != nil {
				return
			}
		}
	}
}

// varying predicts rows of lengths of their own: of each batch those together
// that are filled up to one length.
func (s *Saved) varying(ctx context.Context, examples *feature.Dataset, batch int) iter.Seq2[[]*Prediction, error] {
	return func(yield func([]*Prediction, error) bool) {
		for lo := 0; lo < examples.Len(); lo += batch {
			list, err := s.predictVarying(ctx, examples, lo, min(lo+batch, examples.Len()))
			if !yield(list, err) || err != nil {
				return
			}
		}
	}
}

func (s *Saved) predictVarying(ctx context.Context, examples *feature.Dataset, lo, hi int) ([]*Prediction, error) {
	lengths, pad := s.Set.Lengths(), examples.Padding()
	groups := make([][]int, len(lengths)) // rows by what they are filled up to
	items := make([][]*tensor.Tensor, hi-lo)
	for i := lo; i < hi; i++ {
		item, err := examples.Item(i)
		if err != nil {
			return nil, err
		}
		g, _ := slices.BinarySearch(lengths, pad.Length(item))
		groups[g], items[i-lo] = append(groups[g], i), item
	}
	list := make([]*Prediction, hi-lo)
	for g, rows := range groups {
		if rows == nil {
			continue
		}
		var in []*tensor.Tensor
		for k, f := range s.Set.Inputs {
			var column []*tensor.Tensor
			for _, i := range rows {
				column = append(column, items[i-lo][k])
			}
			in = append(in, feature.Stack(f.Encoder, column, lengths[g]))
		}
		part, err := s.predict(ctx, examples, in, rows, func(k int) int { return pad.Length(items[rows[k]-lo]) })
		if err != nil {
			return nil, err
		}
		for _, p := range part {
			list[p.Row-lo] = p
		}
	}
	return list, nil
}

// predict says what the model gives for a batch of rows, up to the first that
// has no answer; own is the length of the one at a place, nil if all have one.
func (s *Saved) predict(ctx context.Context, examples *feature.Dataset, in []*tensor.Tensor, rows []int, own func(k int) int) ([]*Prediction, error) {
	out, err := s.Run(ctx, in...)
	if err != nil {
		return nil, err
	}
	var list []*Prediction
	for k, row := range rows {
		length := math.MaxInt
		if own != nil {
			length = own(k)
		}
		p := &Prediction{Row: row, Where: examples.Where(row)}
		if p.Results, err = s.DecodeOwn(out, k, length); err != nil {
			return list, fmt.Errorf("%s: %w", p.Where, err)
		}
		for i, name := range s.captured {
			if p.Captured == nil {
				p.Captured = map[string]*tensor.Tensor{}
			}
			p.Captured[name] = out[len(s.Set.Targets)+i].Rows(k, k+1).Clone()
		}
		list = append(list, p)
	}
	return list, nil
}

// Decode turns row k of a batch of outputs into what a person reads.
func (s *Saved) Decode(out []*tensor.Tensor, k int) (map[string]any, error) {
	return s.DecodeOwn(out, k, math.MaxInt)
}

// DecodeOwn is Decode for an example of some length that was filled up: what the
// model gives for positions behind it is left out.
func (s *Saved) DecodeOwn(out []*tensor.Tensor, k, length int) (map[string]any, error) {
	results := make(map[string]any, len(s.Set.Targets))
	for i, t := range s.Set.Targets {
		one := out[i].Row(k)
		if v, ok := t.Encoder.(feature.Varying); ok && v.Varies() {
			one = *one.Rows(0, min(length, one.Shape().Dim(0)))
		}
		var err error
		if results[t.Name], err = t.Encoder.(feature.Target).Decode(&one); err != nil {
			return nil, fmt.Errorf("target %s: %w", t.Name, err)
		}
	}
	return results, nil
}

// Score scores a split of a recipe's data: "train", "validation" or "test".
func (s *Saved) Score(ctx context.Context, r Recipe, files source.Files, split string) (train.Score, error) {
	tables, err := r.Data.Open(ctx, files, r.Seed)
	if err != nil {
		return train.Score{}, err
	}
	defer tables.Close()
	table := map[string]source.Table{"train": tables.Train, "validation": tables.Validation, "test": tables.Test}[split]
	if table == nil {
		return train.Score{}, fmt.Errorf("the recipe has no %s data", split)
	}
	feed, err := r.Data.EvaluationFeed(ctx, s.Set, table, r.Evaluate.Batch)
	if err != nil {
		return train.Score{}, fmt.Errorf("data.%s: %w", split, err)
	}
	t := &train.Trainer{Store: s.Store, Forward: s.Network.Map, Inputs: len(s.Set.Inputs), Weighted: s.Set.Weight != nil}
	if t.Heads, err = r.heads(s.Set); err != nil {
		return train.Score{}, err
	}
	return t.Score(ctx, split, feed)
}

// Table makes the table of files to predict: rows of CSV, TSV, JSON lines and
// Parquet files, all of one kind; other files are one example each, the content
// of the only column that the model reads.
func (s *Saved) Table(ctx context.Context, files source.Files, patterns []string) (source.Table, error) {
	var names []string
	for _, p := range patterns {
		found, err := files.Find(ctx, p)
		if err != nil {
			return nil, err
		}
		names = append(names, found...)
	}
	var tables []source.Table
	closeAll := func(err error) error {
		for _, t := range tables {
			err = errors.Join(err, t.Close())
		}
		return err
	}
	for _, name := range names {
		cfg, ok := tabular(name)
		if !ok {
			continue
		}
		t, err := cfg.Open(ctx, files)
		if err != nil {
			return nil, closeAll(err)
		}
		tables = append(tables, t)
	}
	switch len(tables) {
	case 0:
		return s.contents(files, names)
	case len(names):
		t, err := source.Concat(tables...)
		if err != nil {
			err = closeAll(err)
		}
		return t, err
	}
	return nil, closeAll(errors.New("tables and other files can't be predicted at once"))
}

// tabular is the source of a file with rows.
func tabular(name string) (source.Config, bool) {
	base := name
	for _, packed := range []string{".gz", ".zst", ".bz2"} {
		base = strings.TrimSuffix(base, packed)
	}
	switch strings.ToLower(filepath.Ext(base)) {
	case ".csv", ".tsv":
		c := source.DefaultCSV()
		c.Path = []string{name}
		return c, true
	case ".jsonl", ".ndjson":
		return source.JSONLines{Path: []string{name}}, true
	case ".parquet":
		return source.Parquet{Path: []string{name}}, true
	}
	return nil, false
}

// contents is the table of whole files.
func (s *Saved) contents(files source.Files, names []string) (source.Table, error) {
	if len(s.Set.Inputs) != 1 || len(s.Set.Inputs[0].Encoder.Reads()) != 1 {
		var columns []string
		for _, f := range s.Set.Inputs {
			columns = append(columns, f.Encoder.Reads()...)
		}
		return nil, fmt.Errorf("the model reads the columns %s: give it rows, as a CSV, JSON lines or Parquet file", strings.Join(columns, ", "))
	}
	kind := source.Text
	switch s.Set.Inputs[0].Encoder.(type) {
	case *feature.ImageEncoder:
		kind = source.Binary
	}
	return &contents{files, names, source.Column{Name: s.Set.Inputs[0].Encoder.Reads()[0], Kind: kind}}, nil
}

// contents is a Table whose rows are whole files.
type contents struct {
	files  source.Files
	names  []string
	column source.Column
}

func (c *contents) Columns() []source.Column { return []source.Column{c.column} }
func (c *contents) Len() int                 { return len(c.names) }
func (c *contents) Where(i int) string       { return c.names[i] }
func (c *contents) Close() error             { return nil }

// maxContent is the largest file that is one example.
const maxContent = 1 << 30

func (c *contents) Read(dst []any, i int, columns []int) error {
	r, err := c.files.Open(context.Background(), c.names[i])
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxContent+1))
	if err == nil && len(b) > maxContent {
		err = fmt.Errorf("%s has more than %d bytes", c.names[i], maxContent)
	}
	if err != nil {
		return err
	}
	for k := range columns {
		if c.column.Kind == source.Text {
			dst[k] = string(b)
		} else {
			dst[k] = b
		}
	}
	return nil
}
