package engine_test

import (
	"context"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/recipe"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// needs is the memory of the model of penguins.
func needs(t *testing.T) int64 {
	t.Helper()
	e := engine.New(enginetest.Machine())
	defer e.Close()
	if err := e.Add(t.Context(), engine.Folder("m", "1", enginetest.Folder(t, enginetest.Penguins, 1))); err != nil {
		t.Fatal(err)
	}
	return info(t, e, "m", "").Bytes
}

// TestEviction: with room for two models of three the one that was not asked for
// the longest gives way, and comes back when it is asked for.
func TestEviction(t *testing.T) {
	want := answers(t, 1, 2, 3)
	one := needs(t)
	e := start(t, engine.WithMemory(2*one+one/2))
	for i, name := range []string{"a", "b", "c"} {
		if err := e.Add(t.Context(), engine.Folder(name, "1", enginetest.Folder(t, enginetest.Penguins, uint64(i+1)))); err != nil {
			t.Fatal(err)
		}
		if name == "b" {
			if _, err := askBird(t.Context(), e, "a", ""); err != nil { // so b is the older one
				t.Fatal(err)
			}
		}
	}
	states := func() string {
		var s strings.Builder
		for _, i := range e.Models() {
			s.WriteString(i.Name + ":" + string(i.State) + " ")
			if !i.Ready || i.Problem != "" {
				t.Errorf("%+v", i)
			}
		}
		return s.String()
	}
	check := func(want string) {
		t.Helper()
		used, budget := e.Memory()
		if got := states(); got != want || used != 2*one || budget != 2*one+one/2 {
			t.Errorf("%s, %d bytes of %d; want %s", got, used, budget, want)
		}
	}
	check("a:ready b:cold c:ready ")
	if !e.Ready() {
		t.Error("not ready with a cold model")
	}
	for i, name := range []string{"a", "c", "b"} { // c is the youngest, a the oldest
		if a, err := askBird(t.Context(), e, name, ""); err != nil || a != want[[]int{0, 2, 1}[i]] {
			t.Fatalf("%s: %v", name, err)
		}
	}
	check("a:cold b:ready c:ready ")
	if i := info(t, e, "a", ""); i.Evictions != 1 || i.Bytes != 0 || len(i.Signature.Outputs) == 0 {
		t.Errorf("%+v", i)
	}
	// Many clients of all three: each has its answer.
	stop := load(t, e, 6, "a", "b", "c")
	time.Sleep(300 * time.Millisecond)
	if got := stop(); len(got) != 3 {
		t.Errorf("%d different answers", len(got))
	}
	if used, budget := e.Memory(); used > budget {
		t.Errorf("%d bytes of %d", used, budget)
	}
}

// TestBusy: a model that is always busy gives way in the end, and a request for
// a cold one waits no longer than its deadline.
func TestBusy(t *testing.T) {
	one := needs(t)
	e := start(t, engine.WithMemory(one+one/2))
	for i, name := range []string{"a", "b"} {
		if err := e.Add(t.Context(), engine.Folder(name, "1", enginetest.Folder(t, enginetest.Penguins, uint64(i+1)))); err != nil {
			t.Fatal(err)
		}
	}
	leave, inside := make(chan struct{}), make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := e.Predict(t.Context(), &engine.Request{Model: "b", N: 1, Columns: bird, Fill: func(string, *engine.Signature) error {
			close(inside)
			<-leave
			return nil
		}})
		done <- err
	}()
	<-inside
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := askBird(ctx, e, "a", ""); err == nil || engine.AsError(err).Code != engine.Deadline {
		t.Errorf("no room: %v", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := askBird(t.Context(), e, "a", ""); err != nil {
		t.Error(err)
	}
	stop := load(t, e, 4, "a")
	if _, err := askBird(t.Context(), e, "b", ""); err != nil {
		t.Errorf("beside a busy model: %v", err)
	}
	stop()
}

// TestNeverFits: what can never have room is refused with figures, before and
// after it is known exactly, and takes no other model's place.
func TestNeverFits(t *testing.T) {
	one := needs(t)
	e := start(t, engine.WithMemory(one+one/2))
	if err := e.Add(t.Context(), engine.Folder("small", "1", enginetest.Folder(t, enginetest.Penguins, 1))); err != nil {
		t.Fatal(err)
	}
	for _, known := range []bool{true, false} {
		s := engine.Folder("large", "1", enginetest.Folder(t, enginetest.Digits, 1))
		if known {
			s.WeightBytes = func() int64 { return 1 << 40 }
		}
		opened := false
		open := s.Open
		s.Open = func(m recipe.Machine) (*recipe.Saved, error) { opened = true; return open(m) }
		err := e.Add(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), "iB") || !strings.Contains(err.Error(), "all models together may need") {
			t.Errorf("%v", err)
		}
		if i := info(t, e, "large", ""); i.Ready || i.State != engine.Failed || i.Problem != err.Error() || opened == known {
			t.Errorf("opened: %v, %+v", opened, i)
		}
		if i := info(t, e, "small", ""); i.State != engine.Ready {
			t.Errorf("%+v", i)
		}
	}
}

// TestReloadWithoutRoom: where two generations have no room beside each other
// the old one is freed first, and requests wait for the new one.
func TestReloadWithoutRoom(t *testing.T) {
	want := answers(t, 1, 2)
	one := needs(t)
	e := start(t, engine.WithMemory(one+one/2))
	dir := enginetest.Folder(t, enginetest.Penguins, 1)
	if err := e.Add(t.Context(), engine.Folder("m", "1", dir)); err != nil {
		t.Fatal(err)
	}
	stop := load(t, e, 4, "m")
	for i := range 6 {
		if err := enginetest.Write(dir, enginetest.Penguins, uint64(2-i%2)); err != nil {
			t.Fatal(err)
		}
		if err := e.Reload(t.Context(), "m", ""); err != nil {
			t.Fatal(err)
		}
		if used, budget := e.Memory(); used > budget {
			t.Errorf("%d bytes of %d", used, budget)
		}
	}
	for a := range stop() {
		if a != want[0] && a != want[1] {
			t.Error("an answer is of neither")
		}
	}
	if i := info(t, e, "m", ""); i.Generation < 7 {
		t.Errorf("generation %d", i.Generation)
	}
}

// TestMemoryIsGivenBack: the process is no larger, has no more mappings and no
// more goroutines, after 200 reloads and as many evictions.
func TestMemoryIsGivenBack(t *testing.T) {
	if _, ok := resident(); !ok {
		t.Skip("needs /proc")
	}
	e := start(t)
	for _, name := range []string{"a", "b"} {
		if err := e.Add(t.Context(), engine.Folder(name, "1", enginetest.Folder(t, enginetest.Digits, 1))); err != nil {
			t.Fatal(err)
		}
	}
	one := info(t, e, "a", "").Bytes
	small := start(t, engine.WithMemory(one+one/2))
	for _, name := range []string{"a", "b"} {
		if err := small.Add(t.Context(), engine.Folder(name, "1", enginetest.Folder(t, enginetest.Digits, 1))); err != nil {
			t.Fatal(err)
		}
	}
	round := func(n int) {
		for i := range n {
			if err := e.Reload(t.Context(), "a", ""); err != nil {
				t.Fatal(err)
			}
			name := []string{"a", "b"}[i%2] // which has been evicted
			if err := small.Do(t.Context(), name, "", func(string, *recipe.Saved) error { return nil }); err != nil {
				t.Fatal(err)
			}
		}
	}
	measure := func() (bytes int64, mappings, goroutines int) {
		runtime.GC()
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
		bytes, _ = resident()
		maps, _ := os.ReadFile("/proc/self/maps")
		return bytes, strings.Count(string(maps), "\n"), runtime.NumGoroutine()
	}
	round(20)
	bytes, mappings, goroutines := measure()
	round(200)
	bytes2, mappings2, goroutines2 := measure()
	t.Logf("model %d bytes; resident %d, then %d; mappings %d, then %d; goroutines %d, then %d; evictions %d", one, bytes, bytes2, mappings, mappings2, goroutines, goroutines2, info(t, small, "a", "").Evictions)
	if info(t, small, "a", "").Evictions+info(t, small, "b", "").Evictions < 200 {
		t.Error("too few evictions")
	}
	if bytes2 > bytes+20*one+(8<<20) || mappings2 > mappings+20 || goroutines2 > goroutines+4 {
		t.Error("something is not given back")
	}
}

// resident is the memory of the process.
func resident() (int64, bool) {
	b, err := os.ReadFile("/proc/self/statm")
	fields := strings.Fields(string(b))
	if err != nil || len(fields) < 2 {
		return 0, false
	}
	n, err := strconv.ParseInt(fields[1], 10, 64)
	return n * int64(os.Getpagesize()), err == nil
}
