package engine_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/nn"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/tensor"
)

// Numbers that fussy does something about.
const (
	unlucky = 13 // its kernel panics
	slow    = 7  // its kernel waits
)

// fussy gives what it gets, but for the numbers above.
type fussy struct{}

func (fussy) Name() string                          { return "fussy" }
func (fussy) Infer(in []ir.Type) ([]ir.Type, error) { return in, nil }
func (fussy) Eval(in, out []*tensor.Tensor)         { copy(out[0].Bytes(), in[0].Bytes()) }
func (fussy) Grad(_, _, gout []*ir.Value) []*ir.Value {
	return gout
}

type network struct{}

func (network) Forward(_ *module.Ctx, x *ir.Value) *ir.Value { return ir.Apply1(fussy{}, x) }

// numbers is an encoder of four numbers that come of a function.
type numbers struct{ feature.ArrayEncoder }

func (n *numbers) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	if copy(dst.F32(), values[0].(func() []float32)()) != 4 {
		return errors.New("want four numbers")
	}
	return nil
}

// A fussyModel takes [4] and gives it back.
type fussyModel struct {
	begun chan struct{} // something slow is being computed
	go_   chan struct{} // and goes on
}

func (f *fussyModel) lower(l *cpu.Lowering, n *ir.Node) {
	x, y := l.Read(n.In()[0]), l.Write(n.Out(0))
	l.Step(n, func(m cpu.Memory) []kernel.Phase {
		src, dst := m.F32(x), m.F32(y)
		return []kernel.Phase{{Chunks: len(src), Run: func(_, i int) {
			switch src[i] {
			case unlucky:
				panic("unlucky: /home/secret")
			case slow:
				f.begun <- struct{}{}
				<-f.go_
			}
			dst[i] = src[i]
		}}}
	})
}

// serve makes an engine of the model.
func (f *fussyModel) serve(t *testing.T, b engine.Batching, opts ...engine.Option) *engine.Engine {
	f.begun, f.go_ = make(chan struct{}), make(chan struct{})
	set := &feature.Set{
		Format:  feature.Format,
		Inputs:  []feature.Fitted{{Name: "x", Encoder: &numbers{feature.ArrayEncoder{Column: "x", DType: "f32", Shape: []int{4}}}}},
		Targets: []feature.Fitted{{Name: "y", Encoder: &feature.ClassEncoder{Column: "y", Classes: []string{"a", "b", "c", "d"}}}},
	}
	open := func(m recipe.Machine) (*recipe.Saved, error) {
		s, err := exec.NewStore(cpu.New(cpu.WithThreads(m.Threads), cpu.WithKernel(fussy{}, f.lower)), &network{})
		if err != nil {
			return nil, err
		}
		return recipe.NewSaved(set, &model.Network{Type: "fussy", Module: &network{}, Inputs: make([]model.Input, 1)}, s), nil
	}
	m := enginetest.Machine()
	m.Threads = 2
	e := engine.New(m, opts...)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := e.Add(t.Context(), engine.Spec{Name: "fussy", Version: "3", Weight: 1, Open: open, Batching: &b}); err != nil {
		t.Fatal(err)
	}
	return e
}

// ask sends examples of four numbers each.
func ask(ctx context.Context, e *engine.Engine, x ...float32) (*engine.Response, error) {
	in := tensor.Must(tensor.Of(x, len(x)/4, 4))
	return e.Predict(ctx, &engine.Request{Model: "fussy", N: len(x) / 4, Tensors: map[string]*tensor.Tensor{"x": in}, Outputs: []string{"y_logits"}})
}

// one instance, batches of at most 4, and examples that wait until told.
func oneInstance() engine.Batching {
	b := engine.DefaultBatching()
	b.MaxBatch, b.Instances, b.Threads = number(4), number(1), number(2)
	return b
}

func codeOf(err error) engine.Code { return engine.AsError(err).Code }

// watch remembers what an engine tells.
type watch struct {
	mu       sync.Mutex
	batches  []engine.Batch
	rejected []engine.Code
}

func (w *watch) Computed(b engine.Batch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	b.Waits = slices.Clone(b.Waits)
	w.batches = append(w.batches, b)
}

func (w *watch) Rejected(model, version string, reason engine.Code) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if model != "fussy" || version != "3" {
		reason = engine.Internal
	}
	w.rejected = append(w.rejected, reason)
}

// waitFor waits until so many examples are in the queue.
func waitFor(t *testing.T, e *engine.Engine, n int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		info, err := e.Info("fussy", "")
		if err != nil {
			t.Fatal(err)
		}
		if info.Waiting == n {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d examples wait, want %d", info.Waiting, n)
		}
	}
}

// A panic in a kernel ends the request that caused it, and no other of its
// batch. Its cause is logged, and not told to the client.
func TestPanicInBatch(t *testing.T) {
	var f fussyModel
	var log bytes.Buffer
	var w watch
	e := f.serve(t, oneInstance(), engine.WithLog(slog.New(slog.NewTextHandler(&log, nil))), engine.WithObserver(&w))
	var clients sync.WaitGroup
	clients.Go(func() { ask(t.Context(), e, slow, 0, 0, 0) })
	<-f.begun
	for i := range 4 {
		clients.Go(func() {
			x := []float32{1, 2, 3, float32(i)}
			if i == 2 {
				x[0] = unlucky
			}
			a, err := ask(t.Context(), e, x...)
			switch {
			case i == 2 && (codeOf(err) != engine.Internal || err.Error() != "internal error"):
				t.Errorf("the guilty request: %v", err)
			case i != 2 && err != nil:
				t.Errorf("request %d: %v", i, err)
			case i != 2 && !slices.Equal(a.Outputs[0].Tensor.F32(), x):
				t.Errorf("request %d: %v, want %v", i, a.Outputs[0].Tensor.F32(), x)
			case i != 2 && a.Times.Batch != 1:
				t.Errorf("request %d was computed in a batch of %d, want it on its own", i, a.Times.Batch)
			}
		})
	}
	waitFor(t, e, 4)
	f.go_ <- struct{}{}
	clients.Wait()
	if a, err := ask(t.Context(), e, 5, 6, 7.5, 8); err != nil || a.Outputs[0].Tensor.F32()[2] != 7.5 {
		t.Errorf("afterwards: %v, %v", a, err)
	}
	if !strings.Contains(log.String(), "unlucky") || !strings.Contains(log.String(), "fault_test.go") {
		t.Errorf("log %s", log.String())
	}
	e.Close()
	var failed, largest int
	for _, b := range w.batches {
		if b.Failed {
			failed++
		}
		largest = max(largest, b.Examples)
	}
	if failed != 2 || largest != 4 || len(w.batches) != 7 {
		t.Errorf("%d batches failed, the largest has %d examples, %d in all: %+v", failed, largest, len(w.batches), w.batches)
	}
}

// Numbers that are not finite are told as an error with the example at fault.
func TestNotFinite(t *testing.T) {
	var f fussyModel
	e := f.serve(t, oneInstance())
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, x := range [][]float32{{1, 2, 3, 4, 1, nan, 3, 4}, {0, 0, 0, 0, 0, 0, 0, -inf}} {
		_, err := ask(t.Context(), e, x...)
		var at *engine.ExampleError
		if codeOf(err) != engine.Invalid || !errors.As(err, &at) || at.Example != 1 {
			t.Errorf("%v: %v", x, err)
		}
	}
}

// A queue that is full rejects at once and says when to come again; a request
// that it never has room for is too large.
func TestQueueFull(t *testing.T) {
	var f fussyModel
	var w watch
	b := oneInstance()
	b.Queue = 3
	e := f.serve(t, b, engine.WithObserver(&w))
	var clients sync.WaitGroup
	clients.Go(func() { ask(t.Context(), e, slow, 0, 0, 0) })
	<-f.begun
	ctx, cancel := context.WithCancel(t.Context())
	for range 3 {
		clients.Go(func() {
			if _, err := ask(ctx, e, 1, 2, 3, 4); codeOf(err) != engine.Canceled {
				t.Errorf("a client that left: %v", err)
			}
		})
	}
	waitFor(t, e, 3)
	_, err := ask(t.Context(), e, 1, 2, 3, 4)
	if codeOf(err) != engine.Exhausted || engine.AsError(err).Retry <= 0 {
		t.Errorf("a full queue: %v", err)
	}
	if _, err := ask(t.Context(), e, make([]float32, 16)...); codeOf(err) != engine.TooLarge {
		t.Errorf("four examples for a queue of three: %v", err)
	}
	// Who leaves makes room at once, though nothing was computed since.
	cancel()
	waitFor(t, e, 0)
	clients.Go(func() {
		if a, err := ask(t.Context(), e, 1, 2, 3, 4, 5, 6, 9, 8); err != nil || a.Outputs[0].Tensor.F32()[6] != 9 {
			t.Errorf("in the place of those that left: %v, %v", a, err)
		}
	})
	waitFor(t, e, 2)
	f.go_ <- struct{}{}
	clients.Wait()
	e.Close()
	slices.Sort(w.rejected)
	if !slices.Equal(w.rejected, []engine.Code{engine.TooLarge, engine.Exhausted, engine.Canceled, engine.Canceled, engine.Canceled}) {
		t.Errorf("rejected: %v", w.rejected)
	}
	if len(w.batches) != 2 {
		t.Errorf("%d batches, want 2: those that left are not computed", len(w.batches))
	}
}

// A request whose time is over is not computed.
func TestDeadline(t *testing.T) {
	var f fussyModel
	var w watch
	e := f.serve(t, oneInstance(), engine.WithObserver(&w))
	var clients sync.WaitGroup
	clients.Go(func() { ask(t.Context(), e, slow, 0, 0, 0) })
	<-f.begun
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := ask(ctx, e, unlucky, 2, 3, 4); codeOf(err) != engine.Deadline {
		t.Errorf("got %v", err)
	}
	waitFor(t, e, 0)
	f.go_ <- struct{}{}
	clients.Wait()
	e.Close()
	if len(w.batches) != 1 {
		t.Errorf("%d batches, want 1", len(w.batches))
	}
}

// A request that is larger than a batch is computed in pieces, and those that
// come behind it do not wait for all of them.
func TestLargeRequest(t *testing.T) {
	var f fussyModel
	e := f.serve(t, oneInstance())
	large := make([]float32, 4*41)
	for i := range large {
		large[i] = float32(i) + 0.5
	}
	large[4*17] = slow
	var clients sync.WaitGroup
	clients.Go(func() {
		a, err := ask(t.Context(), e, large...)
		if err != nil || !slices.Equal(a.Outputs[0].Tensor.F32(), large) || a.Times.Batch != 4 {
			t.Errorf("got %v, %v", a, err)
		}
	})
	<-f.begun
	clients.Go(func() {
		if a, err := ask(t.Context(), e, slow, 2, 3, 4); err != nil || a.Outputs[0].Tensor.F32()[3] != 4 {
			t.Errorf("got %v, %v", a, err)
		}
	})
	waitFor(t, e, 41-20+1)
	f.go_ <- struct{}{}
	<-f.begun // of the second request, while of the first more than 12 examples wait
	if info, _ := e.Info("fussy", ""); info.Waiting < 12 {
		t.Errorf("%d examples wait", info.Waiting)
	}
	f.go_ <- struct{}{}
	clients.Wait()
}

// An instance waits for those that are on their way, and not for longer than it
// may.
func TestDelay(t *testing.T) {
	for _, c := range []struct {
		delay  time.Duration
		timely bool // the company comes in time
	}{{time.Minute, true}, {5 * time.Millisecond, false}} {
		var f fussyModel
		b := oneInstance()
		b.MaxDelay = c.delay
		e := f.serve(t, b)
		if a, err := ask(t.Context(), e, 1, 2, 3, 4); err != nil || a.Times.Queue > c.delay {
			t.Errorf("nobody is on the way: %v, %v", a, err)
		}
		encoding, go_ := make(chan struct{}), make(chan struct{})
		var clients sync.WaitGroup
		clients.Go(func() {
			in := func() []float32 { encoding <- struct{}{}; <-go_; return []float32{4, 3, 2, 1} }
			a, err := e.Predict(t.Context(), &engine.Request{Model: "fussy", N: 1, Columns: map[string][]any{"x": {in}}})
			if err != nil || a.Times.Batch == 2 != c.timely {
				t.Errorf("the company of one that waits for %v: %+v, %v", c.delay, a, err)
			}
		})
		<-encoding
		first := make(chan struct{})
		clients.Go(func() {
			defer close(first)
			a, err := ask(t.Context(), e, 1, 2, 3, 4)
			if err != nil || a.Times.Batch == 2 != c.timely || !c.timely && a.Times.Queue < c.delay {
				t.Errorf("one that waits for %v: %+v, %v", c.delay, a, err)
			}
		})
		if c.timely {
			waitFor(t, e, 1)
		} else {
			<-first
		}
		go_ <- struct{}{}
		clients.Wait()
	}
}

// An encoder that fails, or panics, gives back its place in the queue.
func TestEncoderPanics(t *testing.T) {
	var f fussyModel
	b := oneInstance()
	b.Queue = 1
	e := f.serve(t, b)
	for _, in := range []func() []float32{func() []float32 { panic("on purpose") }, func() []float32 { return nil }} {
		if _, err := e.Predict(t.Context(), &engine.Request{Model: "fussy", N: 1, Columns: map[string][]any{"x": {in}}}); err == nil {
			t.Error("no error")
		}
		if _, err := ask(t.Context(), e, 1, 2, 3, 4); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
}

// wrong is a network that can't be built.
type wrong struct{ FC *nn.Linear }

func (wrong) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	return ops.MatMul(x, ops.Transpose(x, 1, 0))
}

// A model that can't be planned says why, and leaves nothing behind: its backend
// is closed.
func TestCannotBePlanned(t *testing.T) {
	set := &feature.Set{
		Format:  feature.Format,
		Inputs:  []feature.Fitted{{Name: "x", Encoder: &feature.ArrayEncoder{Column: "x", DType: "f32", Shape: []int{2, 4}}}},
		Targets: []feature.Fitted{{Name: "y", Encoder: &feature.ClassEncoder{Column: "y", Classes: []string{"a", "b"}}}},
	}
	var backends []*cpu.Backend
	var log bytes.Buffer
	e := engine.New(enginetest.Machine(), engine.WithLog(slog.New(slog.NewTextHandler(&log, nil))))
	defer e.Close()
	err := e.Add(t.Context(), engine.Spec{Name: "wrong", Version: "1", Weight: 1, Open: func(m recipe.Machine) (*recipe.Saved, error) {
		b := cpu.New(cpu.WithThreads(m.Threads))
		backends = append(backends, b)
		w := &wrong{nn.NewLinear(4, 4)}
		s, err := exec.NewStore(b, w)
		if err != nil {
			return nil, err
		}
		if b.MappedBytes() == 0 {
			t.Error("the model has no weights")
		}
		return recipe.NewSaved(set, &model.Network{Type: "wrong", Module: w, Inputs: make([]model.Input, 1)}, s), nil
	}})
	if err == nil || !strings.Contains(err.Error(), "transpose") {
		t.Errorf("got %v", err)
	}
	if len(backends) == 0 {
		t.Error("nothing was opened")
	}
	for _, b := range backends {
		if n := b.MappedBytes(); n != 0 {
			t.Errorf("%d bytes are left", n)
		}
	}
}

// endingContext has ended when it was looked at some times.
type endingContext struct {
	context.Context
	looks int
}

func (c *endingContext) Err() error {
	if c.looks--; c.looks < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestEncodingEnds: of a request whose time is over no further example is encoded.
func TestEncodingEnds(t *testing.T) {
	var f fussyModel
	e := f.serve(t, oneInstance())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	encoded := 0
	var examples []any
	for range 100 {
		examples = append(examples, func() []float32 {
			if encoded++; encoded == 3 {
				cancel()
			}
			return make([]float32, 4)
		})
	}
	_, err := e.Predict(ctx, &engine.Request{Model: "fussy", N: len(examples), Columns: map[string][]any{"x": examples}})
	if codeOf(err) != engine.Canceled || encoded != 3 {
		t.Errorf("%d examples were encoded, error %v", encoded, err)
	}
	if _, err := ask(t.Context(), e, 1, 2, 3, 4); err != nil {
		t.Errorf("afterwards: %v", err)
	}

	texts := slices.Repeat([]any{"a fine film"}, 100)
	ending := &endingContext{t.Context(), 3}
	e = enginetest.Engine(t, enginetest.Stars)
	_, err = e.Predict(ending, &engine.Request{Model: enginetest.Stars, N: len(texts), Columns: map[string][]any{"text": texts}})
	if codeOf(err) != engine.Deadline || ending.looks < -2 {
		t.Errorf("of varying length: error %v, %d looks afterwards", err, -ending.looks)
	}
}
