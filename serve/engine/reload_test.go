package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
	"github.com/gradus-ml/gradus/train"
)

// bird is an example for the model of penguins.
var bird = map[string][]any{"bill_length_mm": {44.0}, "bill_depth_mm": {"17"}, "flipper_length_mm": {int64(200)}, "body_mass_g": {nil}, "island": {"Dream"}}

// askBird is one request for the probabilities of the bird.
func askBird(ctx context.Context, e *engine.Engine, name, version string) (string, error) {
	r, err := e.Predict(ctx, &engine.Request{Model: name, Version: version, N: 1, Columns: bird, Outputs: []string{"species_probabilities"}})
	if err != nil {
		return "", err
	}
	return string(r.Outputs[0].Tensor.Bytes()), nil
}

// answers are what models of several seeds say of the bird.
func answers(t *testing.T, seeds ...uint64) []string {
	t.Helper()
	e := engine.New(enginetest.Machine())
	defer e.Close()
	var list []string
	for _, seed := range seeds {
		if err := e.Add(t.Context(), engine.Folder("m", "1", enginetest.Folder(t, enginetest.Penguins, seed))); err != nil {
			t.Fatal(err)
		}
		a, err := askBird(t.Context(), e, "m", "")
		if err != nil || slices.Contains(list, a) {
			t.Fatalf("seed %d: %q %v", seed, a, err)
		}
		list = append(list, a)
	}
	return list
}

// start makes an engine with quick looks at files, closed with the test.
func start(t *testing.T, opts ...engine.Option) *engine.Engine {
	e := engine.New(enginetest.Machine(), append([]engine.Option{engine.WithInterval(10 * time.Millisecond)}, opts...)...)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// eventually waits for something to become so.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !so(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("still not so: %s", what)
		}
	}
}

func info(t *testing.T, e *engine.Engine, name, version string) *engine.Info {
	t.Helper()
	i, err := e.Info(name, version)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// load asks all the time, from several clients, until stop is called, which
// tells how often each answer came. Any error fails the test.
func load(t *testing.T, e *engine.Engine, clients int, names ...string) (stop func() map[string]int) {
	var clientsDone sync.WaitGroup
	var end atomic.Bool
	var mu sync.Mutex
	got := map[string]int{}
	for c := range clients {
		clientsDone.Go(func() {
			for i := 0; !end.Load(); i++ {
				a, err := askBird(context.Background(), e, names[(c+i)%len(names)], "")
				if err != nil {
					t.Errorf("client %d: %v, because of %v", c, err, errors.Unwrap(err))
					return
				}
				mu.Lock()
				got[a]++
				mu.Unlock()
			}
		})
	}
	return func() map[string]int {
		end.Store(true)
		clientsDone.Wait()
		return got
	}
}

// TestReload changes the files of a model under load, by every way that one is
// loaded again: no request is lost, and each answer is wholly of one state of
// the files.
func TestReload(t *testing.T) {
	want := answers(t, 1, 2)
	dir := enginetest.Folder(t, enginetest.Penguins, 1)
	e := start(t)
	if err := e.Add(t.Context(), engine.Folder("m", "1", dir)); err != nil {
		t.Fatal(err)
	}
	stop := load(t, e, 4, "m")
	for i := range 30 {
		seed := uint64(2 - i%2)
		if err := enginetest.Write(dir, enginetest.Penguins, seed); err != nil {
			t.Fatal(err)
		}
		generation := info(t, e, "m", "").Generation
		switch i % 3 {
		case 0: // the files are watched
		case 1:
			if err := e.Reload(t.Context(), "", ""); err != nil {
				t.Fatal(err)
			}
		case 2:
			if err := e.Add(t.Context(), engine.Folder("m", "1", dir)); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "the new weights answer", func() bool {
			a, err := askBird(t.Context(), e, "m", "1")
			if err != nil {
				t.Fatal(err)
			}
			return a == want[seed-1]
		})
		if now := info(t, e, "m", "").Generation; now == generation && i%3 > 0 {
			t.Errorf("generation %d, then %d", generation, now)
		}
	}
	n := 0
	for a, count := range stop() {
		if !slices.Contains(want, a) {
			t.Errorf("%d answers are of neither: %x", count, a)
		}
		n += count
	}
	t.Logf("%d requests, %d generations", n, info(t, e, "m", "").Generation)
}

// TestBroken: a model whose files break goes on answering, says so without a
// path, and is loaded when they are whole again.
func TestBroken(t *testing.T) {
	want := answers(t, 1, 2)
	for name, damage := range map[string]func(dir string) error{
		"truncated": func(dir string) error {
			return os.Truncate(filepath.Join(dir, filepath.FromSlash(train.WeightsFile)), 300)
		},
		"empty": func(dir string) error {
			return os.Truncate(filepath.Join(dir, filepath.FromSlash(train.WeightsFile)), 0)
		},
		"of another model": func(dir string) error {
			other := enginetest.Folder(t, enginetest.Digits, 1)
			b, err := os.ReadFile(filepath.Join(other, filepath.FromSlash(train.WeightsFile)))
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(dir, filepath.FromSlash(train.WeightsFile)), b, 0o666)
		},
		"config": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, filepath.FromSlash(train.ConfigFile)), []byte(`{"kind": `), 0o666)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			var mu sync.Mutex
			dir := enginetest.Folder(t, enginetest.Penguins, 1)
			e := start(t, engine.WithLog(slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))))
			if err := e.Add(t.Context(), engine.Folder("m", "1", dir)); err != nil {
				t.Fatal(err)
			}
			stop := load(t, e, 2, "m")
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the failure is known", func() bool { return info(t, e, "m", "").Failures > 0 })
			time.Sleep(50 * time.Millisecond)
			i := info(t, e, "m", "")
			if i.Problem == "" || strings.Contains(i.Problem, dir) || strings.ContainsAny(i.Problem, "/\n") || !i.Ready || i.State != engine.Ready || i.Failures != 1 {
				t.Errorf("%+v", i)
			}
			if err := enginetest.Write(dir, enginetest.Penguins, 2); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the new weights answer", func() bool { return info(t, e, "m", "").Generation == 2 })
			if i := info(t, e, "m", ""); i.Problem != "" {
				t.Errorf("%+v", i)
			}
			for a := range stop() {
				if !slices.Contains(want, a) {
					t.Errorf("an answer is of neither: %x", a)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(log.String(), "model not loaded") || !strings.Contains(log.String(), dir) {
				t.Errorf("log: %s", &log)
			}
		})
	}
}

// locked is a writer for several goroutines.
type locked struct {
	mu *sync.Mutex
	w  io.Writer
}

func (l locked) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

// TestNotYet: a model that could never be loaded is listed, not ready, and
// answers once its files are there. Others answer all the time.
func TestNotYet(t *testing.T) {
	want := answers(t, 1)
	dir := filepath.Join(t.TempDir(), "later")
	e := start(t)
	if err := e.Add(t.Context(), engine.Folder("other", "1", enginetest.Folder(t, enginetest.Penguins, 1))); err != nil {
		t.Fatal(err)
	}
	if !e.Ready() {
		t.Error("an engine with one model that is loaded is not ready")
	}
	if err := e.Add(t.Context(), engine.Folder("m", "1", dir)); err == nil {
		t.Error("a folder that is not there is taken")
	}
	i := info(t, e, "m", "")
	if i.Ready || i.State != engine.Failed || i.Problem == "" || strings.Contains(i.Problem, "later") || e.Ready() {
		t.Errorf("%+v, ready: %v", i, e.Ready())
	}
	for _, c := range []struct {
		name, version string
		code          engine.Code
	}{{"m", "", engine.Unavailable}, {"m", "1", engine.Unavailable}, {"m", "2", engine.NotFound}, {"m", "stable", engine.NotFound}, {"x", "", engine.NotFound}} {
		_, err := askBird(t.Context(), e, c.name, c.version)
		got := engine.AsError(err)
		if err == nil || got.Code != c.code || (c.code == engine.Unavailable) != (got.Retry > 0) {
			t.Errorf("%s %s: %v, code %v, retry %v", c.name, c.version, err, got.Code, got.Retry)
		}
	}
	if a, err := askBird(t.Context(), e, "other", ""); err != nil || a != want[0] {
		t.Error(err)
	}
	if err := enginetest.Write(dir, enginetest.Penguins, 1); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the model is loaded", func() bool { return info(t, e, "m", "").State == engine.Ready })
	if a, err := askBird(t.Context(), e, "m", ""); err != nil || a != want[0] || !e.Ready() {
		t.Error(err)
	}
	if len(e.Models()) != 2 || e.Models()[0].Name != "m" {
		t.Errorf("%v", e.Models())
	}
}

// TestReplacedWhileLoading: files that change while they are read are read
// again, and files that never rest are a problem, not an answer.
func TestReplacedWhileLoading(t *testing.T) {
	want := answers(t, 1, 2)
	dir := enginetest.Folder(t, enginetest.Penguins, 1)
	e := start(t)
	s := engine.Folder("m", "1", dir)
	opens := 0
	s.Open = func(m recipe.Machine) (*recipe.Saved, error) {
		saved, err := recipe.OpenRun(dir, m)
		if opens++; opens <= 2 {
			err = errors.Join(err, enginetest.Write(dir, enginetest.Penguins, 2))
		}
		return saved, err
	}
	if err := e.Add(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if a, err := askBird(t.Context(), e, "m", ""); err != nil || a != want[1] || opens != 3 {
		t.Errorf("after %d times: %v, new weights: %v", opens, err, a == want[1])
	}
	s.Open = func(m recipe.Machine) (*recipe.Saved, error) {
		saved, err := recipe.OpenRun(dir, m)
		return saved, errors.Join(err, enginetest.Write(dir, enginetest.Penguins, 1))
	}
	if err := e.Add(t.Context(), s); err == nil || !strings.Contains(err.Error(), "its files keep changing") {
		t.Errorf("files that never rest: %v", err)
	}
	if a, err := askBird(t.Context(), e, "m", ""); err != nil || a != want[1] {
		t.Errorf("the old one: %v", err)
	}
}

// TestOpenPanics: a loader that panics is a model that is not ready.
func TestOpenPanics(t *testing.T) {
	e := start(t)
	err := e.Add(t.Context(), engine.Spec{Name: "m", Version: "1", Open: func(recipe.Machine) (*recipe.Saved, error) { panic("at /secret/place") }})
	if err == nil {
		t.Error("a panic is no error")
	}
	if i := info(t, e, "m", ""); i.Ready || strings.Contains(i.Problem, "secret") {
		t.Errorf("%+v", i)
	}
}

// TestProblem: what clients learn of a folder that can't be loaded has no path,
// address or stack in it, whatever is wrong with it; the log has it all.
func TestProblem(t *testing.T) {
	at := func(dir, name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	files := []string{train.WeightsFile, train.ConfigFile, train.PreprocessFile}
	damages := map[string]func(dir string) error{
		"no folder": os.RemoveAll,
		"a file":    func(dir string) error { return errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o666)) },
		"other shapes": func(dir string) error {
			b, err := os.ReadFile(at(enginetest.Folder(t, enginetest.Digits, 1), train.WeightsFile))
			return errors.Join(err, os.WriteFile(at(dir, train.WeightsFile), b, 0o666))
		},
		"other columns": func(dir string) error {
			b, err := os.ReadFile(at(enginetest.Folder(t, enginetest.Mail, 1), train.PreprocessFile))
			return errors.Join(err, os.WriteFile(at(dir, train.PreprocessFile), b, 0o666))
		},
	}
	for _, name := range files {
		damages[name+" missing"] = func(dir string) error { return os.Remove(at(dir, name)) }
		damages[name+" empty"] = func(dir string) error { return os.Truncate(at(dir, name), 0) }
		damages[name+" cut short"] = func(dir string) error {
			i, err := os.Stat(at(dir, name))
			if err != nil {
				return err
			}
			return os.Truncate(at(dir, name), i.Size()/2)
		}
		damages[name+" a folder"] = func(dir string) error {
			return errors.Join(os.Remove(at(dir, name)), os.Mkdir(at(dir, name), 0o777))
		}
	}
	told := map[string]bool{
		"a file of it is missing": true, "a file of it ends too early": true, "it could not be loaded": true,
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			dir := enginetest.Folder(t, enginetest.Penguins, 1)
			if err := damage(dir); err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var log bytes.Buffer
			e := start(t, engine.WithLog(slog.New(slog.NewTextHandler(locked{&mu, &log}, nil))))
			if err := e.Add(t.Context(), engine.Folder("m", "1", dir)); err == nil {
				t.Fatal("it is loaded")
			}
			i := info(t, e, "m", "")
			if i.Ready || i.State != engine.Failed || !told[i.Problem] {
				t.Errorf("%+v", i)
			}
			_, err := askBird(t.Context(), e, "m", "")
			if want := "model m version 1 is not ready: " + i.Problem; err == nil || engine.AsError(err).Message != want {
				t.Errorf("a request: %v, want %s", err, want)
			}
			if err := e.Close(); err != nil { // ends what writes to the log
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if !strings.Contains(log.String(), "model not loaded") {
				t.Errorf("log: %s", &log)
			}
		})
	}
}

// TestVersions adds and removes versions, and moves traffic, under load.
func TestVersions(t *testing.T) {
	want := answers(t, 1, 2, 3)
	e := start(t)
	for i := range 3 {
		s := engine.Folder("m", fmt.Sprint(i+1), enginetest.Folder(t, enginetest.Penguins, uint64(i+1)))
		s.Weight, s.Labels = []float64{3, 1, 0}[i], [][]string{{"stable"}, {"canary"}, nil}[i]
		if err := e.Add(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	count := func(n int) (got [3]int) {
		t.Helper()
		for range n {
			a, err := askBird(t.Context(), e, "m", "")
			if err != nil {
				t.Fatal(err)
			}
			got[slices.Index(want, a)]++
		}
		return got
	}
	if got := count(40); got != [3]int{30, 10, 0} {
		t.Errorf("3 to 1: %v", got)
	}
	if a, _ := askBird(t.Context(), e, "m", "canary"); a != want[1] {
		t.Error("canary is not version 2")
	}
	if err := e.SetLabels("m", map[string]string{"stable": "3", "canary": "3"}); err != nil {
		t.Fatal(err)
	}
	if a, _ := askBird(t.Context(), e, "m", "stable"); a != want[2] {
		t.Error("stable is not version 3 now")
	}
	if err := e.SetWeights("m", map[string]float64{"3": 1}); err != nil {
		t.Fatal(err)
	}
	if got := count(10); got != [3]int{0, 0, 10} {
		t.Errorf("version 3 alone: %v", got)
	}
	if err := e.SetWeights("m", nil); err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		e.SetWeights("m", map[string]float64{"4": 1}), e.SetWeights("m", map[string]float64{"1": -1}), e.SetWeights("x", nil),
		e.SetLabels("m", map[string]string{"stable": "4"}), e.SetLabels("m", map[string]string{"4": "1"}), e.SetLabels("x", nil),
		e.Remove(t.Context(), "m", "4"), e.Remove(t.Context(), "x", "1"), e.Reload(t.Context(), "x", ""), e.Reload(t.Context(), "m", "4"),
		e.Add(t.Context(), engine.Spec{Name: "m", Version: "1", Labels: []string{"stable"}}),
	} {
		if err == nil {
			t.Error("what is wrong is taken")
		}
	}
	stop := load(t, e, 4, "m")
	for _, v := range []string{"3", "2"} {
		if err := e.Remove(t.Context(), "m", v); err != nil {
			t.Error(err)
		}
	}
	if got := count(10); got != [3]int{10, 0, 0} {
		t.Errorf("what is left: %v", got)
	}
	stop()
	used, _ := e.Memory()
	if i := info(t, e, "m", ""); len(e.Models()) != 1 || used != i.Bytes || i.Bytes == 0 {
		t.Errorf("%d bytes for %+v", used, i)
	}
	if err := e.Remove(t.Context(), "m", "1"); err != nil {
		t.Error(err)
	}
	if used, _ := e.Memory(); used != 0 || len(e.Models()) != 0 {
		t.Errorf("%d bytes for nothing", used)
	}
}

// TestDrain: requests under way are answered, later ones turned away, and at the
// end nothing is held.
func TestDrain(t *testing.T) {
	e := start(t)
	if err := e.Add(t.Context(), engine.Folder("m", "1", enginetest.Folder(t, enginetest.Penguins, 1))); err != nil {
		t.Fatal(err)
	}
	inside, leave := make(chan struct{}), make(chan struct{})
	answered := make(chan error)
	go func() {
		_, err := e.Predict(t.Context(), &engine.Request{Model: "m", Fill: nil, N: 1, Columns: bird})
		if err == nil {
			_, err = e.Predict(t.Context(), &engine.Request{Model: "m", N: 1, Columns: bird, Fill: func(string, *engine.Signature) error {
				close(inside)
				<-leave
				return nil
			}})
		}
		answered <- err
	}()
	<-inside
	if i := info(t, e, "m", ""); i.Requests != 1 {
		t.Errorf("%d requests under way", i.Requests)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := e.Drain(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("drained with a request under way: %v", err)
	}
	_, err := askBird(t.Context(), e, "m", "")
	if got := engine.AsError(err); err == nil || got.Code != engine.Unavailable || got.Retry != time.Second || e.Ready() {
		t.Errorf("a new request: %v", err)
	}
	if i := info(t, e, "m", ""); i.State != engine.Draining || i.Ready {
		t.Errorf("%+v", i)
	}
	close(leave)
	if err := <-answered; err != nil {
		t.Errorf("the one under way: %v", err)
	}
	if err := e.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if used, _ := e.Memory(); used != 0 {
		t.Errorf("%d bytes for nothing", used)
	}
}

// TestTrace: the context learns what became of a request.
func TestTrace(t *testing.T) {
	e := enginetest.Engine(t, enginetest.Penguins)
	var tr engine.Trace
	ctx := engine.WithTrace(t.Context(), &tr)
	if _, err := askBird(ctx, e, enginetest.Penguins, ""); err != nil {
		t.Fatal(err)
	}
	if r := tr.Record(); r.Model != enginetest.Penguins || r.Version != "1" || r.N != 1 || r.Predictions != 1 || r.Failures != 0 || r.Times.Compute <= 0 || r.Times.Start.IsZero() {
		t.Errorf("%+v", r)
	}
	askBird(ctx, e, "nothing of this name", "")
	if r := tr.Record(); r.Model != "" || r.Predictions != 2 || r.Failures != 1 || r.Err.Code != engine.NotFound {
		t.Errorf("%+v", r)
	}
}
