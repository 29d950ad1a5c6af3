package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/tensor"
)

// A world is what one pipeline of the suite stands on: sources with an open
// file each, functions that count their calls, and a way to go wrong.
type world struct {
	dir     string
	known   bool // sources tell their number of elements
	workers int  // of maps
	fault   fault
	calls   atomic.Int64
	open    atomic.Int64
}

// A fault is where the first source goes wrong, and how.
type fault struct {
	at  int    // -1 for nowhere
	how string // "error", "panic", "exit"
}

var errBroken = errors.New("broken")

func (w *world) wrong(i, fail int) error {
	if i != fail {
		return nil
	}
	switch w.fault.how {
	case "panic":
		panic("broken")
	case "exit":
		runtime.Goexit()
	}
	return errBroken
}

// source yields n numbers from base on, in the reverse order in odd epochs,
// with a file open meanwhile.
func (w *world) source(base, n, fail int) *Stream[int] {
	size := &n
	if !w.known {
		size = nil
	}
	return New(func(ctx context.Context, epoch, index int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			f, err := os.Open(os.DevNull)
			if err != nil {
				yield(0, err)
				return
			}
			w.open.Add(1)
			defer func() { f.Close(); w.open.Add(-1) }()
			for i := index; i < n; i++ {
				if err := errors.Join(ctx.Err(), w.wrong(i, fail)); err != nil {
					yield(0, err)
					return
				}
				v := base + i
				if epoch%2 == 1 {
					v = base + n - 1 - i
				}
				if !yield(v, nil) {
					return
				}
			}
		}
	}, size)
}

// first is the source that goes wrong, with a decoder that counts after it.
func (w *world) first() *Stream[int] {
	return Map(w.source(0, 37, w.fault.at), w.decode, Workers(w.workers))
}

func (w *world) decode(v int) (int, error) {
	w.calls.Add(1)
	return v, nil
}

// broken is a Map whose function goes wrong.
func (w *world) broken(s *Stream[int]) *Stream[int] {
	return Map(s, func(v int) (int, error) { w.calls.Add(1); return 10 * v, w.wrong(v, w.fault.at) }, Workers(w.workers))
}

// text makes any stream one of texts, to compare.
func text[T any](s *Stream[T]) *Stream[string] {
	return Map(s, func(v T) (string, error) { return fmt.Sprint(v), nil })
}

func example(n int) Example {
	return Example{tensor.Must(tensor.Of(slices.Repeat([]int64{int64(n)}, n%7+1)))}
}

func examples(s *Stream[int]) *Stream[Example] {
	return Map(s, func(v int) (Example, error) { return example(v), nil })
}

// show prints examples.
func show(s *Stream[Example]) *Stream[string] {
	return Map(s, func(e Example) (t string, _ error) {
		for _, x := range e {
			t += fmt.Sprint(x.Shape(), tensor.Data[int64](x), " ")
		}
		return t, nil
	})
}

var zero = 0.0

// operations are all of the package, on streams of a world. The number is that
// of elements in an epoch; direct ones make nothing of what is left out.
var operations = []struct {
	name   string
	n      int
	direct bool
	make   func(w *world) *Stream[string]
}{
	{"new", 37, true, func(w *world) *Stream[string] { return text(w.source(0, 37, w.fault.at)) }},
	{"map", 37, true, func(w *world) *Stream[string] { return text(w.first()) }},
	{"broken map", 37, true, func(w *world) *Stream[string] { return text(w.broken(w.source(0, 37, -1))) }},
	{"map draw", 37, true, func(w *world) *Stream[string] {
		return text(MapDraw(w.first(), func(v int, d data.Draw) (string, error) {
			return fmt.Sprint(v, d.Epoch, d.Item, d.Stream("x").Uint32()), nil
		}, 1, Workers(w.workers)))
	}},
	{"filter", 12, false, func(w *world) *Stream[string] {
		return text(Filter(w.first(), func(v int) (bool, error) { return v%3 == 1, nil }))
	}},
	{"prefetch", 37, true, func(w *world) *Stream[string] { return text(Prefetch(w.first(), 3)) }},
	{"take", 20, true, func(w *world) *Stream[string] { return text(Take(w.first(), 20)) }},
	{"skip", 28, true, func(w *world) *Stream[string] { return text(Skip(w.first(), 9)) }},
	{"shard", 12, true, func(w *world) *Stream[string] { return text(Shard(w.first(), 3, 1)) }},
	{"shuffle", 37, true, func(w *world) *Stream[string] { return text(Shuffle(w.first(), 5, 1)) }},
	// Its draws are made again where the number of elements turns out too small.
	{"shuffle with a large buffer", 37, false, func(w *world) *Stream[string] { return text(Shuffle(w.first(), 50, 1)) }},
	{"shuffle all", 37, false, func(w *world) *Stream[string] { return text(ShuffleAll(w.first(), 1)) }},
	{"shuffle a slice", 37, true, func(w *world) *Stream[string] {
		s := make([]int, 37)
		for i := range s {
			s[i] = i
		}
		return text(w.broken(ShuffleAll(Slice(s), 1)))
	}},
	{"shard of skip of shuffle", 8, false, func(w *world) *Stream[string] {
		return text(Shard(Skip(Shuffle(w.first(), 4, 2), 3), 4, 2))
	}},
	{"concat", 60, true, func(w *world) *Stream[string] {
		return text(Concat(w.source(100, 13, -1), w.first(), w.source(200, 0, -1), w.source(300, 10, -1)))
	}},
	{"shard of concat", 15, true, func(w *world) *Stream[string] {
		return text(Shard(Concat(w.source(100, 13, -1), w.first(), w.source(300, 10, -1)), 4, 3))
	}},
	{"repeat", 111, true, func(w *world) *Stream[string] { return text(Repeat(w.first(), 3)) }},
	{"zip", 37, true, func(w *world) *Stream[string] { return text(Zip(w.first(), w.source(100, 50, -1))) }},
	{"zip ends with the second", 21, true, func(w *world) *Stream[string] { return text(Zip(w.first(), w.source(100, 21, -1))) }},
	{"interleave", 37 + 10*11/2, false, func(w *world) *Stream[string] {
		return text(Interleave(w.source(0, 11, -1), func(v int) (*Stream[int], error) {
			if v == 5 {
				return Concat(w.source(1000, v, -1), w.first()), nil
			}
			return w.source(100*v, v, -1), nil
		}, 3, 2))
	}},
	{"sample", 37 + 20 + 5, false, func(w *world) *Stream[string] {
		return text(Sample([]*Stream[int]{w.first(), w.source(100, 20, -1), w.source(200, 5, -1)}, []float64{1, 2, 0.5}, 7))
	}},
	{"batch", 8, true, func(w *world) *Stream[string] { return text(Batch(w.first(), 5, false)) }},
	{"full batches", 7, true, func(w *world) *Stream[string] { return text(Batch(w.first(), 5, true)) }},
	{"shard of batch", 3, true, func(w *world) *Stream[string] { return text(Shard(Batch(w.first(), 5, false), 3, 0)) }},
	{"unbatch", 37, false, func(w *world) *Stream[string] { return text(Unbatch(Batch(w.first(), 5, false))) }},
	{"window", 19, true, func(w *world) *Stream[string] { return text(Window(w.first(), 5, 2, false)) }},
	{"full windows", 17, true, func(w *world) *Stream[string] { return text(Window(w.first(), 5, 2, true)) }},
	{"windows apart", 8, true, func(w *world) *Stream[string] { return text(Window(w.first(), 3, 5, false)) }},
	{"bucket", 11, false, func(w *world) *Stream[string] {
		return text(Bucket(w.first(), func(v int) (int, error) { return v % 7, nil }, []int{2, 4, 6}, 4, false))
	}},
	{"cache", 37, false, func(w *world) *Stream[string] { return text(Cache(w.first(), 100)) }},
	{"small cache", 37, false, func(w *world) *Stream[string] { return text(Cache(w.first(), 10)) }},
	{"cache file", 37, false, func(w *world) *Stream[string] {
		return show(CacheFile(examples(w.first()), filepath.Join(w.dir, "cache"), "key"))
	}},
	{"pack", 12, false, func(w *world) *Stream[string] { // 12 or 13 rows, according to the order
		return show(Take(Pack(examples(w.first()), data.Packing{Length: 12, Values: []float64{-1}}, 3), 12))
	}},
	{"padded batch", 10, true, func(w *world) *Stream[string] {
		return show(PaddedBatch(examples(w.first()), 4, &data.Padding{Values: []*float64{&zero}, Lengths: true}, false))
	}},
	{"many", 6, true, func(w *world) *Stream[string] {
		s := Zip(Map(Shuffle(w.first(), 6, 3), w.decode, Workers(w.workers)), Repeat(w.source(50, 20, -1), 2))
		return text(Prefetch(Batch(Shard(s, 2, 1), 3, false), 2))
	}},
	{"feed", 10, true, func(w *world) *Stream[string] {
		return fed(examples(w.first()), FeedConfig{Batch: 4, Pad: &data.Padding{Values: []*float64{&zero}, Lengths: true}})
	}},
	{"feed at once", 9, true, func(w *world) *Stream[string] {
		return fed(examples(w.first()), FeedConfig{Batch: 4, DropLast: true, Pad: &data.Padding{Values: []*float64{&zero}}}, Ahead(0))
	}},
	{"feed of buckets", 10, false, func(w *world) *Stream[string] {
		return fed(examples(w.first()), FeedConfig{Batch: 4, Pad: &data.Padding{Values: []*float64{&zero}, Buckets: []int{3, 7}}}, Ahead(3))
	}},
}

// fed is a feed as a stream of texts.
func fed(s *Stream[Example], cfg FeedConfig, opts ...Option) *Stream[string] {
	f, err := NewFeed(s, cfg, opts...)
	if err != nil {
		return failed[string](err)
	}
	var size *int
	if n, ok := f.Batches(); ok {
		size = &n
	}
	return New(func(ctx context.Context, epoch, index int) iter.Seq2[string, error] {
		return func(yield func(string, error) bool) {
			for b, err := range f.From(ctx, epoch, index) {
				if err != nil {
					yield("", err)
					return
				}
				t := fmt.Sprint(b.Epoch, b.Index, b.Items, b.N)
				for _, x := range b.Inputs {
					t += fmt.Sprint(" ", x.Shape(), tensor.Data[int64](x))
				}
				if !yield(t, nil) {
					return
				}
			}
		}
	}, size)
}

// collect reads elements until there are limit, or the end.
func collect(ctx context.Context, s *Stream[string], epoch, index, limit int) (all []string, err error) {
	for v, err := range s.From(ctx, epoch, index) {
		if err != nil {
			return all, err
		}
		if all = append(all, v); len(all) == limit {
			break
		}
	}
	return all, nil
}

// noLeak fails if goroutines, files or sources are left over.
func noLeak(t *testing.T) func(*world) {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	return func(w *world) {
		t.Helper()
		if n := w.open.Load(); n != 0 {
			t.Errorf("%d sources are open", n)
		}
		// A goroutine's last act comes after what we waited for.
		for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
			time.Sleep(100 * time.Microsecond)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("%d goroutines, %d before", n, goroutines)
		}
		if n := openFiles(t); n > files {
			t.Errorf("%d open files, %d before", n, files)
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	if runtime.GOOS != "linux" {
		return 0
	}
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func everyOperation(t *testing.T, f func(t *testing.T, fresh func(...fault) (*world, *Stream[string]), n int, direct bool)) {
	for _, op := range operations {
		for _, known := range []bool{true, false} {
			for _, workers := range []int{0, 3} {
				if testing.Short() && known == (workers > 0) {
					continue
				}
				t.Run(fmt.Sprintf("%s/known=%v/workers=%d", op.name, known, workers), func(t *testing.T) {
					f(t, func(faults ...fault) (*world, *Stream[string]) {
						w := &world{dir: t.TempDir(), known: known, workers: workers, fault: fault{at: -1}}
						for _, f := range faults {
							w.fault = f
						}
						return w, op.make(w)
					}, op.n, op.direct)
				})
			}
		}
	}
}

// Reading from any element on gives the tail of the whole, in every epoch,
// whatever was read before; the number of elements is right where it is told;
// and direct operations make nothing that is left out (workers, besides, are
// ahead of what is asked for).
func TestFromAnywhere(t *testing.T) {
	everyOperation(t, func(t *testing.T, fresh func(...fault) (*world, *Stream[string]), n int, direct bool) {
		check := noLeak(t)
		ctx := context.Background()
		w, s := fresh()
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		for epoch := range 3 {
			w.calls.Store(0)
			whole, err := collect(ctx, s, epoch, 0, -1)
			if err != nil || len(whole) != n {
				t.Fatalf("epoch %d: %d elements, %v, want %d: %q", epoch, len(whole), err, n, whole)
			}
			all := w.calls.Load()
			if told, ok := s.Len(); ok && told != n {
				t.Errorf("%d elements told, there are %d", told, n)
			}
			if counted, err := s.count(ctx, epoch); counted != n || err != nil {
				t.Errorf("%d elements counted, %v, there are %d", counted, err, n)
			}
			w, again := fresh()
			for index := range n + 2 {
				w.calls.Store(0)
				rest, err := collect(ctx, again, epoch, index, -1)
				if want := whole[min(index, n):]; err != nil || !slices.Equal(rest, want) {
					t.Fatalf("epoch %d from %d: %q, %v, want %q", epoch, index, rest, err, want)
				}
				if calls := w.calls.Load(); direct && w.workers == 0 && calls > all*int64(n-min(index, n))/int64(n)+12 {
					t.Errorf("epoch %d from %d of %d: %d elements made, %d for the whole", epoch, index, n, calls, all)
				}
			}
			for _, shards := range []int{2, 3} {
				for k := range shards {
					part, err := collect(ctx, Shard(s, shards, k), epoch, 0, -1)
					var want []string
					for i := k; i < n; i += shards {
						want = append(want, whole[i])
					}
					if err != nil || !slices.Equal(part, want) {
						t.Fatalf("shard %d of %d: %q, %v, want %q", k, shards, part, err, want)
					}
				}
			}
		}
		check(w)
	})
}

// Stopped after any number of elements, cancelled, or with a panic in the
// reader's loop: nothing is left.
func TestStopsLeaveNothing(t *testing.T) {
	everyOperation(t, func(t *testing.T, fresh func(...fault) (*world, *Stream[string]), n int, direct bool) {
		check := noLeak(t)
		w, s := fresh()
		whole, err := collect(context.Background(), s, 0, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		for k := range n {
			part, err := collect(context.Background(), s, 0, 0, k+1)
			if err != nil || !slices.Equal(part, whole[:k+1]) {
				t.Fatalf("stopped after %d: %q, %v", k+1, part, err)
			}
			check(w)

			ctx, cancel := context.WithCancel(context.Background())
			read := 0
			var last error
			for _, err := range s.From(ctx, 0, 0) {
				if last = err; err == nil {
					if read++; read == k+1 {
						cancel()
					}
				}
			}
			cancel()
			if read != k+1 || !errors.Is(last, context.Canceled) {
				t.Fatalf("cancelled after %d: %d elements, then %v", k+1, read, last)
			}
			check(w)
		}
		for range 2 {
			func() {
				defer func() {
					if v := recover(); v != "reader" {
						t.Errorf("the reader's panic came back as %v", v)
					}
				}()
				for range s.From(context.Background(), 0, 0) {
					panic("reader")
				}
			}()
			check(w)
		}
	})
}

// An error, a panic, or the end of the goroutine in a source or a function is
// the last thing yielded, after the right elements.
func TestErrorsComeLast(t *testing.T) {
	everyOperation(t, func(t *testing.T, fresh func(...fault) (*world, *Stream[string]), n int, direct bool) {
		_, clean := fresh()
		whole, err := collect(context.Background(), clean, 0, 0, -1)
		if err != nil {
			t.Fatal(err)
		}
		check := noLeak(t)
		for _, how := range []string{"error", "panic"} {
			met := false
			for _, at := range []int{0, 1, 19, 20, 36} {
				w, s := fresh(fault{at, how})
				got, err := collect(context.Background(), s, 0, 0, -1)
				check(w)
				if err == nil && slices.Equal(got, whole) {
					continue // the element was not needed
				}
				met = true
				var p *data.PanicError
				if ok := how == "error" && errors.Is(err, errBroken) || how == "panic" && errors.As(err, &p); !ok || len(got) > n || !slices.Equal(got, whole[:len(got)]) {
					t.Errorf("%s at %d: %q, %v, want the first of %q", how, at, got, err, whole)
				}
			}
			if !met {
				t.Errorf("%s: nothing went wrong", how)
			}
		}
	})
}

// A function that ends its goroutine (as testing.T's FailNow does) does not
// leave the reader waiting, nor pass for the end of the stream.
func TestEndedGoroutine(t *testing.T) {
	check := noLeak(t)
	w := &world{fault: fault{20, "exit"}, workers: 3}
	for name, s := range map[string]*Stream[string]{
		"map":      text(w.broken(w.source(0, 37, -1))),
		"source":   text(w.first()),
		"prefetch": text(Prefetch(w.source(0, 37, 20), 2)),
		"feed":     fed(examples(w.source(0, 37, 20)), FeedConfig{Batch: 1, Pad: &data.Padding{Values: []*float64{&zero}}}),
	} {
		got, err := collect(context.Background(), s, 0, 0, -1)
		if len(got) != 20 || !errors.Is(err, errEnded) {
			t.Errorf("%s: %d elements, then %v", name, len(got), err)
		}
	}
	check(w)
}
