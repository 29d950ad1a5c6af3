package data

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

var _ Feed = (*Loader)(nil)

// numbered returns n items (x float32 [2] = {i, -i}, label int64 [] = i).
func numbered(n int) *TensorSet {
	x := make([]float32, 2*n)
	y := make([]int64, n)
	for i := range n {
		x[2*i], x[2*i+1], y[i] = float32(i), -float32(i), int64(i)
	}
	set, err := Tensors(tensor.Must(tensor.Of(x, n, 2)), tensor.Must(tensor.Of(y)))
	if err != nil {
		panic(err)
	}
	return set
}

// itemwise hides the set's Gather.
type itemwise struct{ Dataset }

func newLoader(t *testing.T, ds Dataset, cfg LoaderConfig, options ...Option) *Loader {
	t.Helper()
	l, err := NewLoader(ds, cfg, options...)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// read returns the items in the order in which batches brought them, after
// checking the batches themselves.
func read(t *testing.T, l *Loader, epoch, index int) []int {
	t.Helper()
	var items []int
	for b, err := range l.From(context.Background(), epoch, index) {
		if err != nil {
			t.Fatal(err)
		}
		if b.Epoch != epoch || b.Index != index || b.N != len(b.Items) {
			t.Fatalf("batch %d of epoch %d with %d of %d items, want number %d of %d", b.Index, b.Epoch, b.N, len(b.Items), index, epoch)
		}
		index++
		x, y := b.Inputs[0], b.Inputs[1]
		if x.Shape() != shape.Of(b.N, 2) || y.Shape() != shape.Of(b.N) {
			t.Fatalf("batch of %d: %v and %v", b.N, x, y)
		}
		for k, i := range b.Items {
			if x.F32()[2*k] != float32(i) || x.F32()[2*k+1] != -float32(i) || tensor.Data[int64](y)[k] != int64(i) {
				t.Fatalf("batch %d row %d does not hold item %d", b.Index, k, i)
			}
		}
		items = append(items, b.Items...)
	}
	return items
}

func TestEpochReadsEveryItemOnce(t *testing.T) {
	for _, n := range []int{1, 9, 10, 11} {
		for _, batch := range []int{1, 3, 10, 64} {
			for _, shuffle := range []bool{false, true} {
				for _, prefetch := range []int{0, 1, 3} {
					for _, ds := range []Dataset{numbered(n), itemwise{numbered(n)}} {
						l := newLoader(t, ds, LoaderConfig{Batch: batch, Shuffle: shuffle, Seed: 5}, WithPrefetch(prefetch))
						items := read(t, l, 2, 0)
						sorted := slices.Sorted(slices.Values(items))
						if !slices.Equal(sorted, read(t, newLoader(t, ds, LoaderConfig{Batch: n}), 0, 0)) {
							t.Fatalf("n %d batch %d shuffle %v prefetch %d: items %v", n, batch, shuffle, prefetch, items)
						}
						if !shuffle && !slices.IsSorted(items) {
							t.Fatalf("order %v without shuffling", items)
						}
					}
				}
			}
		}
	}
}

func TestDropLast(t *testing.T) {
	l := newLoader(t, numbered(10), LoaderConfig{Batch: 4, DropLast: true})
	if items := read(t, l, 0, 0); len(items) != 8 || l.Len() != 2 {
		t.Errorf("items %v in %d batches, want 8 in 2", items, l.Len())
	}
	if l := newLoader(t, numbered(10), LoaderConfig{Batch: 4}); l.Len() != 3 {
		t.Errorf("%d batches, want 3", l.Len())
	}
}

// The order depends on seed and epoch, and on nothing that came before.
func TestOrder(t *testing.T) {
	cfg := LoaderConfig{Batch: 7, Shuffle: true, Seed: 1}
	l := newLoader(t, numbered(100), cfg)
	first, second := read(t, l, 0, 0), read(t, l, 1, 0)
	if slices.Equal(first, second) {
		t.Error("two epochs have one order")
	}
	again := newLoader(t, numbered(100), cfg, WithPrefetch(0))
	if !slices.Equal(read(t, again, 1, 0), second) || !slices.Equal(read(t, again, 0, 0), first) {
		t.Error("the order depends on what was read before or on prefetch")
	}
	cfg.Seed = 2
	if slices.Equal(read(t, newLoader(t, numbered(100), cfg), 0, 0), first) {
		t.Error("two seeds have one order")
	}
	// Pinned: changing the order would change every recorded run.
	if want := []int{56, 77, 64, 57, 50, 26, 99, 48, 51, 29}; !slices.Equal(first[:10], want) {
		t.Errorf("order begins %v, want %v", first[:10], want)
	}
}

func TestResume(t *testing.T) {
	l := newLoader(t, numbered(100), LoaderConfig{Batch: 7, Shuffle: true, Seed: 3})
	whole := read(t, l, 4, 0)
	for index := range l.Len() + 1 {
		if rest := read(t, l, 4, index); !slices.Equal(rest, whole[min(7*index, 100):]) {
			t.Errorf("from batch %d: %v", index, rest)
		}
	}
	for _, index := range []int{-1, l.Len() + 1} {
		for b, err := range l.From(context.Background(), 0, index) {
			if err == nil {
				t.Errorf("from batch %d: %v", index, b)
			}
		}
	}
}

// A batch keeps its values until the next is asked for, however far the
// goroutine is ahead.
func TestBatchStaysWhileHeld(t *testing.T) {
	l := newLoader(t, numbered(60), LoaderConfig{Batch: 2}, WithPrefetch(4))
	for b, err := range l.Epoch(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(b.Inputs[0].F32())
		time.Sleep(200 * time.Microsecond)
		if !slices.Equal(before, b.Inputs[0].F32()) {
			t.Fatalf("batch %d changed while it was held", b.Index)
		}
	}
}

func TestConcurrentEpochs(t *testing.T) {
	l := newLoader(t, numbered(100), LoaderConfig{Batch: 3, Shuffle: true})
	for a, err := range l.Epoch(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		before := slices.Clone(a.Inputs[0].F32())
		read(t, l, 1, 0)
		if !slices.Equal(before, a.Inputs[0].F32()) {
			t.Fatal("two running epochs share memory")
		}
		break
	}
}

// failing fails at one item.
type failing struct {
	*TensorSet
	at  int
	err error
}

func (f failing) Item(i int) ([]*tensor.Tensor, error) {
	if i == f.at {
		return nil, f.err
	}
	return f.TensorSet.Item(i)
}

func TestErrorIsYieldedLast(t *testing.T) {
	broken := errors.New("broken")
	for _, prefetch := range []int{0, 2} {
		l := newLoader(t, itemwise{failing{numbered(10), 5, broken}}, LoaderConfig{Batch: 2}, WithPrefetch(prefetch))
		good := 0
		var last error
		for b, err := range l.Epoch(context.Background(), 0) {
			if last != nil {
				t.Fatal("something after the error")
			}
			if last = err; err == nil {
				good++
			} else if b != nil {
				t.Error("a batch beside the error")
			}
		}
		if !errors.Is(last, broken) || !strings.Contains(last.Error(), "item 5") || good != 2 {
			t.Errorf("prefetch %d: %d batches, then %v", prefetch, good, last)
		}
	}
}

func TestCancel(t *testing.T) {
	for _, prefetch := range []int{0, 2} {
		l := newLoader(t, numbered(1000), LoaderConfig{Batch: 1}, WithPrefetch(prefetch))
		ctx, cancel := context.WithCancel(context.Background())
		good := 0
		var last error
		for b, err := range l.Epoch(ctx, 0) {
			if last = err; err != nil {
				break
			}
			good++
			if b.Index == 9 {
				cancel()
			}
		}
		cancel()
		if !errors.Is(last, context.Canceled) || good != 10 {
			t.Errorf("prefetch %d: %d batches, then %v", prefetch, good, last)
		}
	}
}

// slow waits in Item until it is told to go on.
type slow struct {
	*TensorSet
	running chan struct{}
	inItem  *bool
}

func (s slow) Item(i int) ([]*tensor.Tensor, error) {
	if i > 0 {
		*s.inItem = true
		close(s.running)
		time.Sleep(10 * time.Millisecond)
		*s.inItem = false
	}
	return s.TensorSet.Item(i)
}

// When the loop is left, the goroutine has ended: no Item call is running, and
// no goroutine is left over.
func TestEarlyStopLeavesNothing(t *testing.T) {
	inItem := false
	s := slow{numbered(2), make(chan struct{}), &inItem}
	for _, err := range newLoader(t, itemwise{s}, LoaderConfig{Batch: 1}).Epoch(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		<-s.running
		break
	}
	if inItem { // the race detector watches this read too
		t.Error("Item is running after the loop")
	}

	before := runtime.NumGoroutine()
	l := newLoader(t, numbered(1000), LoaderConfig{Batch: 2})
	for range 50 {
		for range l.Epoch(context.Background(), 0) {
			break
		}
		func() {
			defer func() { recover() }()
			for range l.Epoch(context.Background(), 0) {
				panic("in the caller's loop")
			}
		}()
	}
	// The goroutine's last act is to close the channel that the loop waits
	// for; give the scheduler a moment to count it out.
	for deadline := time.Now().Add(time.Second); runtime.NumGoroutine() > before && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		t.Errorf("%d goroutines, %d before", n, before)
	}
	if n := len(l.idle); n != 1 {
		t.Errorf("%d buffers for epochs that ran one after another, want 1", n)
	}
}

func TestNoAllocationPerBatch(t *testing.T) {
	images := tensor.New(dtype.Uint8, shape.Of(4000, 1, 4, 4))
	labels := tensor.New(dtype.Int64, shape.Of(4000))
	set, err := Tensors(images, labels)
	if err != nil {
		t.Fatal(err)
	}
	ds, err := Normalize{Mean: []float64{.5}, Std: []float64{.5}}.Dataset(set, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ workers, prefetch int }{{1, 0}, {1, 2}, {3, 4}} {
		epoch := func(batch int) float64 {
			l := newLoader(t, ds, LoaderConfig{Batch: batch, Shuffle: true}, WithWorkers(c.workers), WithPrefetch(c.prefetch))
			return testing.AllocsPerRun(3, func() {
				for _, err := range l.Epoch(context.Background(), 1) {
					if err != nil {
						t.Fatal(err)
					}
				}
			})
		}
		few, many := epoch(1000), epoch(2) // 4 and 2000 batches
		if many > few+10 {
			t.Errorf("%+v: %v allocations for 4 batches, %v for 2000", c, few, many)
		}
	}
}

// ragged has items of other kinds.
type ragged struct{ items [][]*tensor.Tensor }

func (r ragged) Len() int                             { return len(r.items) }
func (r ragged) Item(i int) ([]*tensor.Tensor, error) { return r.items[i], nil }

func TestMistakes(t *testing.T) {
	f := tensor.Scalar[float32](1)
	two := tensor.Must(tensor.Of([]float32{1, 2}))
	for _, c := range []struct {
		ds      Dataset
		cfg     LoaderConfig
		options []Option
		want    string
	}{
		{numbered(3), LoaderConfig{}, nil, "data: loader: batch: 0 items, want at least 1"},
		{numbered(3), LoaderConfig{Batch: 1}, []Option{WithPrefetch(-1)}, "prefetch of -1"},
		{numbered(3), LoaderConfig{Batch: 1}, []Option{WithWorkers(0)}, "0 workers, want at least 1"},
		{ragged{}, LoaderConfig{Batch: 1}, nil, "no items"},
		{numbered(3), LoaderConfig{Batch: 4, DropLast: true}, nil, "3 items give no full batch of 4"},
		{ragged{[][]*tensor.Tensor{{f}, {f, f}}}, LoaderConfig{Batch: 2}, nil, "item 1 has 2 tensors, the first has 1"},
		{ragged{[][]*tensor.Tensor{{f}, {two}}}, LoaderConfig{Batch: 2}, nil, "item 1: tensor 0 is f32[2], in the first item it is f32[]"},
		{ragged{[][]*tensor.Tensor{{two}, {tensor.Must(tensor.Of([]float32{1}))}}}, LoaderConfig{Batch: 2}, nil, "in the first item it is f32[2]; give a padding"},
		{ragged{[][]*tensor.Tensor{{f}, {tensor.Scalar[int32](1)}}}, LoaderConfig{Batch: 2}, nil, "tensor 0 is i32[]"},
	} {
		l, err := NewLoader(c.ds, c.cfg, c.options...)
		if err == nil {
			for _, err = range l.Epoch(context.Background(), 0) {
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	for _, c := range []struct {
		columns []*tensor.Tensor
		want    string
	}{
		{nil, "at least one tensor"},
		{[]*tensor.Tensor{two, f}, "tensor 1 is a scalar"},
		{[]*tensor.Tensor{two, tensor.Must(tensor.Of([]int32{1}))}, "tensor 1, i32[1], has 1 items, tensor 0, f32[2], has 2"},
	} {
		if _, err := Tensors(c.columns...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}

// images is MNIST's size, normalised when read.
func images(b *testing.B) Dataset {
	set, err := Tensors(tensor.New(dtype.Uint8, shape.Of(60000, 1, 28, 28)), tensor.New(dtype.Int64, shape.Of(60000)))
	if err != nil {
		b.Fatal(err)
	}
	ds, err := Normalize{Mean: []float64{.1307}, Std: []float64{.3081}}.Dataset(set, 0)
	if err != nil {
		b.Fatal(err)
	}
	return ds
}

func BenchmarkEpoch(b *testing.B) {
	ds := images(b)
	for _, c := range []struct{ workers, prefetch int }{{1, 0}, {1, 2}, {2, 2}, {2, 4}} {
		b.Run(fmt.Sprintf("workers=%d/prefetch=%d", c.workers, c.prefetch), func(b *testing.B) {
			l, err := NewLoader(ds, LoaderConfig{Batch: 128, Shuffle: true}, WithWorkers(c.workers), WithPrefetch(c.prefetch))
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(60000 * 784)
			for epoch := 0; b.Loop(); epoch++ {
				for _, err := range l.Epoch(context.Background(), epoch) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// BenchmarkBatch is the loader's own time for a batch: of an item each, of a
// dataset that takes next to none.
func BenchmarkBatch(b *testing.B) {
	set, err := Tensors(tensor.New(dtype.Float32, shape.Of(100000)))
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct{ workers, prefetch int }{{1, 0}, {1, 2}, {2, 4}} {
		b.Run(fmt.Sprintf("workers=%d/prefetch=%d", c.workers, c.prefetch), func(b *testing.B) {
			l, err := NewLoader(set, LoaderConfig{Batch: 1}, WithWorkers(c.workers), WithPrefetch(c.prefetch))
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				for _, err := range l.Epoch(context.Background(), 0) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/100000, "ns/batch")
		})
	}
}

// BenchmarkWait is how long a step of 4 ms on all processors waits for its
// batch of 128 images.
func BenchmarkWait(b *testing.B) {
	ds := images(b)
	for _, c := range []struct{ workers, prefetch int }{{1, 0}, {1, 2}, {2, 4}} {
		b.Run(fmt.Sprintf("workers=%d/prefetch=%d", c.workers, c.prefetch), func(b *testing.B) {
			l, err := NewLoader(ds, LoaderConfig{Batch: 128, Shuffle: true}, WithWorkers(c.workers), WithPrefetch(c.prefetch))
			if err != nil {
				b.Fatal(err)
			}
			var waited time.Duration
			steps := 0
			for b.Loop() {
				asked := time.Now()
				for _, err := range l.Epoch(context.Background(), 0) {
					if err != nil {
						b.Fatal(err)
					}
					if steps++; steps%100 > 1 { // the first of an epoch waits for the order
						waited += time.Since(asked)
					}
					var busy sync.WaitGroup
					for range runtime.GOMAXPROCS(0) {
						busy.Go(func() {
							for begin := time.Now(); time.Since(begin) < 4*time.Millisecond; {
							}
						})
					}
					busy.Wait()
					if asked = time.Now(); steps%100 == 0 {
						break
					}
				}
			}
			b.ReportMetric(float64(waited.Microseconds())/float64(steps), "µs-wait/step")
		})
	}
}
