package page

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/explain"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/guard"
	"github.com/gradus-ml/gradus/serve/predict"
	"github.com/gradus-ml/gradus/tensor"
)

// An Answer tells what a prediction rests on.
type Answer struct {
	Model      string            `json:"model"`
	Version    string            `json:"version"`
	Prediction map[string]any    `json:"prediction"`
	Target     string            `json:"target"`  // that is explained
	Class      string            `json:"class"`   // whose score it is, or the name of a number
	Kind       explain.ScoreKind `json:"kind"`    // of the score
	Score      float64           `json:"score"`   // log-odds, or the number
	Method     explain.Method    `json:"method"`  // what a share is the sum of
	Smooth     int               `json:"smooth"`  // noisy copies, 0 without
	Columns    []Column          `json:"columns"` // in the order in which the model reads them
	TimeMS     float64           `json:"time_ms"`
}

// A Column is one of the row, with its share in the score.
type Column struct {
	Name    string          `json:"name"`
	Kind    feature.RawKind `json:"kind"`
	Share   float64         `json:"share"`
	Words   []Word          `json:"words,omitempty"`    // of a text, which they are when joined
	HeatMap []byte          `json:"heat_map,omitempty"` // of an image: a PNG file
}

// A Word is a piece of a text.
type Word struct {
	Text  string  `json:"text"`
	Share float64 `json:"share"`
}

// A wish is what a request asks for in its query.
type wish struct {
	question explain.Question
	method   explain.Method // "" leaves it to the model's columns
	smooth   int
	picture  bool // the answer is to be a PNG file
}

// Bounds of the work of a request.
const (
	maxSmooth    = 64
	maxTextBytes = 1 << 18 // of a row's texts: an answer has up to fifty times as many
)

func wishOf(r *http.Request) (*wish, error) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, engine.Errorf(engine.Invalid, "the query can't be read")
	}
	w := &wish{question: explain.Question{Target: q.Get("target"), Class: q.Get("class")}, method: explain.Method(q.Get("method"))}
	if m := q.Get("method"); m != "" {
		if err := (explain.InputGradient{Method: w.method}).Validate(); err != nil {
			return nil, engine.Errorf(engine.Invalid, "%v", err)
		}
	}
	if text := q.Get("smooth"); text != "" {
		if w.smooth, err = strconv.Atoi(text); err != nil || w.smooth < 0 || w.smooth > maxSmooth {
			return nil, engine.Errorf(engine.Invalid, "smooth: %.40q is not in 0..%d", text, maxSmooth)
		}
	}
	for _, accept := range r.Header["Accept"] {
		w.picture = w.picture || strings.HasPrefix(strings.TrimSpace(accept), "image/png")
	}
	return w, nil
}

func (s *Service) explain(w http.ResponseWriter, r *http.Request) {
	if err := s.answer(w, r); err != nil {
		guard.Fail(w, r, err)
	}
}

func (s *Service) answer(w http.ResponseWriter, r *http.Request) error {
	start := time.Now()
	wish, err := wishOf(r)
	if err != nil {
		return err
	}
	name, version := r.PathValue("model"), r.PathValue("version")
	if err := engine.Allowed(r.Context(), name); err != nil {
		return err
	}
	if _, err := s.engine.Info(name, version); err != nil {
		return err
	}
	body, free, err := guard.Body(r)
	if err != nil {
		return err
	}
	defer free()
	leave, err := s.queues.enter(r.Context(), name)
	if err != nil {
		return err
	}
	defer leave()
	t := &task{wish: wish, contentType: r.Header.Get("Content-Type"), body: body, answer: Answer{Model: name, Version: version}}
	for !t.done() {
		err := s.engine.Do(r.Context(), name, t.answer.Version, func(version string, m *recipe.Saved) error { return t.step(r.Context(), version, m) })
		if err != nil {
			return err
		}
	}
	if err := t.finish(); err != nil {
		return err
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	if wish.picture {
		for _, c := range t.answer.Columns {
			if c.HeatMap != nil {
				h.Set("Content-Type", "image/png")
				w.Write(c.HeatMap)
				return nil
			}
		}
		return engine.Errorf(engine.Unacceptable, "model %s reads no image: an explanation of it is application/json", name)
	}
	t.answer.TimeMS = float64(time.Since(start).Microseconds()) / 1e3
	h.Set("Content-Type", "application/json")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(t.answer)
}

// A task is an explanation that borrows the model for a step at a time, so that
// predictions come in between.
type task struct {
	*wish
	contentType string
	body        []byte

	row    map[string]any
	set    *feature.Set
	in     []*tensor.Tensor
	run    *explain.Run
	answer Answer
}

func (t *task) done() bool { return t.run != nil && t.run.Done() }

// step encodes and predicts first.
func (t *task) step(ctx context.Context, version string, m *recipe.Saved) error {
	if t.run == nil {
		t.answer.Version = version
		if err := t.begin(ctx, m); err != nil {
			return err
		}
	}
	err := t.run.Step(ctx, m)
	if errors.Is(err, explain.ErrWhole) {
		return &engine.Error{Code: engine.Invalid, Message: explain.ErrWhole.Error(), Cause: err}
	}
	return err
}

func (t *task) begin(ctx context.Context, m *recipe.Saved) error {
	var err error
	t.set = m.Set
	if t.row, err = predict.Row(&engine.Signature{Columns: m.Set.Raw()}, t.contentType, t.body); err != nil {
		return err
	}
	bytes := 0
	for _, v := range t.row {
		if s, ok := v.(string); ok {
			bytes += len(s)
		}
	}
	if bytes > maxTextBytes {
		return engine.Errorf(engine.TooLarge, "the row's texts have %d bytes, those of an explanation at most %d", bytes, maxTextBytes)
	}
	if t.in, err = m.Set.Encode(t.row); err != nil {
		return &engine.Error{Code: engine.Invalid, Message: err.Error(), Cause: err}
	}
	for i, x := range t.in {
		if t.in[i], err = x.Reshape(append([]int{1}, x.Shape().Dims()...)...); err != nil {
			return err
		}
	}
	config := explain.InputGradient{Method: t.method}
	if t.method == "" {
		config.Method = explain.TimesInput
		for _, f := range m.Set.Inputs {
			if _, ok := f.Encoder.(*feature.ImageEncoder); ok {
				config.Method = explain.Plain
			}
		}
	}
	if t.smooth > 0 {
		smooth := explain.DefaultSmooth()
		smooth.Samples = t.smooth
		config.Smooth = &smooth
	}
	t.answer.Method, t.answer.Smooth = config.Method, t.smooth
	if t.run, err = config.Start(m.Set, t.question, t.in...); err != nil {
		return &engine.Error{Code: engine.Invalid, Message: strings.TrimPrefix(err.Error(), "explain: "), Cause: err}
	}
	out, err := m.Run(ctx, t.in...)
	if err != nil {
		return err
	}
	t.answer.Prediction, err = m.Decode(out, 0)
	return err
}

// finish makes pictures and shares of what the steps have found.
func (t *task) finish() error {
	e := t.run.Explanation()
	t.answer.Target, t.answer.Class, t.answer.Kind, t.answer.Score = e.Target, e.Class, e.Kind, e.Score
	columns, err := e.Columns(t.set, t.row)
	if err != nil {
		return err
	}
	kinds := map[string]feature.RawKind{}
	for _, c := range t.set.Raw() {
		kinds[c.Name] = c.Kind
	}
	pictures := map[string][]byte{}
	for i, f := range t.set.Inputs {
		image, ok := f.Encoder.(*feature.ImageEncoder)
		if !ok || pictures[image.Column] != nil {
			continue
		}
		heat, err := explain.Heat(e.Inputs[i])
		if err != nil {
			return err
		}
		row := t.in[i].Row(0)
		if pictures[image.Column], err = explain.Picture(explain.Levels(image, &row), heat); err != nil {
			return err
		}
	}
	for _, c := range columns {
		// A sum is finite only if all that it is of are.
		if x := c.Share + e.Score; math.IsInf(x, 0) || math.IsNaN(x) {
			return engine.Errorf(engine.Invalid, "the numbers are too large to explain what is made of them")
		}
		column := Column{Name: c.Name, Kind: kinds[c.Name], Share: c.Share, HeatMap: pictures[c.Name]}
		for _, w := range c.Words {
			column.Words = append(column.Words, Word(w))
		}
		t.answer.Columns = append(t.answer.Columns, column)
	}
	return nil
}
