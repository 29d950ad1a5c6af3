package data

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/tensor"
)

// drawn is an Augmented dataset: item i of an epoch is {i, a draw}. It takes
// as long as it likes, and counts how many calls run.
type drawn struct {
	n       int
	running atomic.Int32
	most    atomic.Int32
}

func (d *drawn) Len() int { return d.n }

func (d *drawn) Item(i int) ([]*tensor.Tensor, error) { return d.ItemAt(i, 0) }

func (d *drawn) ItemAt(i, epoch int) ([]*tensor.Tensor, error) {
	now := d.running.Add(1)
	for most := d.most.Load(); now > most && !d.most.CompareAndSwap(most, now); most = d.most.Load() {
	}
	time.Sleep(time.Duration(rand.IntN(50)) * time.Microsecond)
	d.running.Add(-1)
	x := Draw{Seed: 1, Epoch: epoch, Item: i}.Stream("test").Float32()
	return []*tensor.Tensor{tensor.Scalar(int64(i)), tensor.Scalar(x)}, nil
}

// Batches are the same, and in the same order, whatever makes them.
func TestWorkersChangeNothing(t *testing.T) {
	record := func(options ...Option) (text string, d *drawn) {
		d = &drawn{n: 103}
		l := newLoader(t, d, LoaderConfig{Batch: 4, Shuffle: true, Seed: 9}, options...)
		for epoch := range 2 {
			for b, err := range l.From(context.Background(), epoch, 3) {
				if err != nil {
					t.Fatal(err)
				}
				text += fmt.Sprintln(b.Epoch, b.Index, b.N, b.Items, tensor.Data[int64](b.Inputs[0]), b.Inputs[1].F32())
			}
		}
		return text, d
	}
	want, alone := record(WithPrefetch(0))
	if n := alone.most.Load(); n != 1 {
		t.Errorf("%d calls at a time without workers", n)
	}
	for _, c := range []struct{ workers, prefetch int }{{1, 1}, {1, 4}, {2, 0}, {3, 2}, {8, 30}} {
		got, d := record(WithWorkers(c.workers), WithPrefetch(c.prefetch))
		if got != want {
			t.Errorf("%d workers, prefetch %d: other batches:\n%s\nwant\n%s", c.workers, c.prefetch, got, want)
		}
		if n := d.most.Load(); int(n) > c.workers {
			t.Errorf("%d calls at a time of %d workers", n, c.workers)
		}
	}
}

// faulty opens a file in each Item, as a dataset of files does, and goes wrong
// in one of several ways at one item.
type faulty struct {
	n, at int
	how   string
}

var errFaulty = errors.New("faulty")

func (f faulty) Len() int { return f.n }

func (f faulty) Item(i int) ([]*tensor.Tensor, error) {
	file, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if i == f.at {
		switch f.how {
		case "error":
			return nil, errFaulty
		case "panic":
			var none []int
			return nil, fmt.Errorf("never %d", none[i])
		case "exit":
			runtime.Goexit()
		}
	}
	if i%7 == 0 {
		time.Sleep(20 * time.Microsecond)
	}
	return []*tensor.Tensor{tensor.Scalar(int64(i))}, nil
}

// expects tells whether err is what the loop must end with.
func (f faulty) expects(err error, at int, ds Dataset) bool {
	item := fmt.Sprintf("data: item %d: ", at)
	switch f.how {
	case "error":
		_, whole := ds.(gathering) // whose own error names what it likes
		return errors.Is(err, errFaulty) && (whole || strings.HasPrefix(err.Error(), item))
	case "panic":
		var p *PanicError
		return errors.As(err, &p) && strings.HasPrefix(err.Error(), item+"panic: runtime error: index out of range") &&
			strings.Contains(err.Error(), "(workers_test.go:") && strings.Contains(string(p.Stack), "faulty.Item")
	case "exit":
		return errors.Is(err, errEnded)
	case "cancel":
		return errors.Is(err, context.Canceled)
	}
	return err == nil
}

// gathering is the same by Gather.
type gathering struct{ faulty }

func (g gathering) Gather(dst []*tensor.Tensor, items []int, epoch int) error {
	for k, i := range items {
		item, err := g.Item(i)
		if err != nil {
			return err
		}
		tensor.Data[int64](dst[0])[k] = tensor.Data[int64](item[0])[0]
	}
	return nil
}

// openFiles counts the process's file descriptors.
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

// noLeak fails if goroutines or files are left over by what ran since before.
func noLeak(t *testing.T) func() {
	t.Helper()
	goroutines, files := runtime.NumGoroutine(), openFiles(t)
	return func() {
		t.Helper()
		// A goroutine's last act comes after what we waited for.
		for deadline := time.Now().Add(2 * time.Second); runtime.NumGoroutine() > goroutines && time.Now().Before(deadline); {
			time.Sleep(time.Millisecond)
		}
		if n := runtime.NumGoroutine(); n > goroutines {
			t.Errorf("%d goroutines, %d before", n, goroutines)
		}
		if n := openFiles(t); n > files {
			t.Errorf("%d open files, %d before", n, files)
		}
	}
}

// Whatever ends the loop, nothing is left, and the batches before it came.
func TestRandomStopsLeaveNothing(t *testing.T) {
	check := noLeak(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 400 {
		f := faulty{n: 60, at: -1}
		f.how = []string{"", "break", "error", "panic", "exit", "cancel", "caller panics"}[r.IntN(7)]
		batch, stop := 1+r.IntN(5), 1+r.IntN(59)
		if slices.Contains([]string{"error", "panic", "exit"}, f.how) {
			f.at = stop
		}
		var ds Dataset = f
		if r.IntN(2) == 0 {
			ds = gathering{f}
		}
		workers, prefetch := 1+r.IntN(4), r.IntN(5)
		if f.how == "exit" && workers == 1 {
			prefetch = max(prefetch, 1) // without a goroutine it is the caller's that ends
		}
		l := newLoader(t, ds, LoaderConfig{Batch: batch}, WithWorkers(workers), WithPrefetch(prefetch))
		ctx, cancel := context.WithCancel(context.Background())
		read := 0
		var last error
		func() {
			defer func() {
				if v := recover(); v != nil && v != "caller" {
					panic(v)
				}
			}()
			for b, err := range l.Epoch(ctx, 0) {
				if last = err; err != nil {
					continue // nothing may follow
				}
				for k := range b.N {
					if got := tensor.Data[int64](b.Inputs[0])[k]; got != int64(read+k) {
						t.Errorf("item %d where %d belongs", got, read+k)
					}
				}
				read += b.N
				if read > stop {
					switch f.how {
					case "break":
						return
					case "cancel":
						cancel()
					case "caller panics":
						panic("caller")
					}
				}
			}
		}()
		cancel()
		name := fmt.Sprintf("%s at item %d, batches of %d, %d workers, prefetch %d, %T", f.how, stop, batch, workers, prefetch, ds)
		want := stop/batch*batch + batch // all of the batch that holds item stop
		switch f.how {
		case "":
			want = 60
		case "error", "panic", "exit":
			want -= batch
		}
		if want = min(want, 60); read != want {
			t.Errorf("%s: %d items read, want %d", name, read, want)
		}
		if !f.expects(last, stop, ds) && !(f.how == "cancel" && read == 60) {
			t.Errorf("%s: error %v", name, last)
		}
	}
	check()
}

// A cancelled loader does not wait for the whole of a slow batch.
func TestCancelWithinABatch(t *testing.T) {
	defer noLeak(t)()
	d := sleeping{1000}
	l := newLoader(t, d, LoaderConfig{Batch: 1000})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	begin := time.Now()
	for _, err := range l.Epoch(ctx, 0) {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
	}
	if took := time.Since(begin); took > 500*time.Millisecond { // the batch takes a second at least
		t.Errorf("it took %v to stop", took)
	}
}

type sleeping struct{ n int }

func (s sleeping) Len() int { return s.n }

func (s sleeping) Item(i int) ([]*tensor.Tensor, error) {
	time.Sleep(time.Millisecond)
	return []*tensor.Tensor{tensor.Scalar(int64(i))}, nil
}
