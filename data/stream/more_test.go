package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/tensor"
)

func numbers(n int) []int {
	s := make([]int, n)
	for i := range s {
		s[i] = i
	}
	return s
}

func read[T any](t *testing.T, s *Stream[T], epoch, index int) (all []T) {
	t.Helper()
	for v, err := range s.From(context.Background(), epoch, index) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

// A shuffle has every element once, no further ahead of its place than the
// buffer reaches, in another order for every seed and epoch; all orders of a
// small stream come equally often.
func TestShuffleIsRandom(t *testing.T) {
	for _, size := range []int{1, 7, 100, 1000} {
		s := Shuffle(Slice(numbers(100)), size, 1)
		got := read(t, s, 3, 0)
		for k, v := range got {
			if v >= k+size {
				t.Errorf("buffer of %d: %d in place %d", size, v, k)
			}
		}
		if size > 1 && (slices.Equal(got, read(t, s, 4, 0)) || slices.Equal(got, read(t, Shuffle(Slice(numbers(100)), size, 2), 3, 0))) {
			t.Errorf("buffer of %d: one order for two epochs or seeds", size)
		}
		if slices.Sort(got); !slices.Equal(got, numbers(100)) {
			t.Errorf("buffer of %d: elements %v", size, got)
		}
	}
	for name, s := range map[string]*Stream[int]{
		"buffer":        Shuffle(Slice(numbers(4)), 4, 1),
		"whole":         ShuffleAll(Slice(numbers(4)), 1),
		"whole in file": ShuffleAll(Prefetch(Slice(numbers(4)), 1), 1),
	} {
		const epochs = 24000
		count := map[[4]int]float64{}
		for epoch := range epochs / 10 {
			for e := range 10 {
				count[[4]int(read(t, s, 10*epoch+e, 0))]++
			}
		}
		chi2 := 0.0
		for _, c := range count {
			chi2 += (c - epochs/24) * (c - epochs/24) / (epochs / 24)
		}
		if len(count) != 24 || chi2 > 49.7 { // 99.9 % point for 23 degrees of freedom
			t.Errorf("%s: %d of 24 orders, chi-squared %v", name, len(count), chi2)
		}
	}
}

func TestSampleProportions(t *testing.T) {
	many := func(v, n int) *Stream[int] { return Slice(slices.Repeat([]int{v}, n)) }
	s := Sample([]*Stream[int]{many(0, 100000), many(1, 100000), many(2, 100)}, []float64{3, 1, 0.5}, 1)
	got := read(t, Take(s, 40000), 0, 0)
	var early, late [3]float64
	for k, v := range got {
		if k < 600 {
			early[v]++
		} else if k >= 10000 { // the third has long ended
			late[v]++
		}
	}
	for v, want := range []float64{400, 400. / 3, 200. / 3} {
		if math.Abs(early[v]-want) > 5*math.Sqrt(want) {
			t.Errorf("stream %d: %v of the first 600, want %v", v, early[v], want)
		}
	}
	for v, want := range []float64{22500, 7500, 0} {
		if math.Abs(late[v]-want) > 5*math.Sqrt(30000*3./16) {
			t.Errorf("stream %d: %v of 30000, want %v", v, late[v], want)
		}
	}
}

// Settings that can't be are told by Err, by whatever is made of the stream, and
// by its first element.
func TestMistakes(t *testing.T) {
	s, e := Slice(numbers(3)), Slice([]Example{})
	minus := -1
	length := func(int) (int, error) { return 1, nil }
	for want, err := range map[string]error{
		"shuffle with a buffer of 0":             Shuffle(s, 0, 1).Err(),
		"prefetch of 0":                          Prefetch(s, 0).Err(),
		"map with -1 workers":                    Map(s, func(i int) (int, error) { return i, nil }, Workers(-1)).Err(),
		"take -1":                                Take(s, -1).Err(),
		"skip -1":                                Skip(s, -1).Err(),
		"shard 3 of 3":                           Shard(s, 3, 3).Err(),
		"shard 0 of 0":                           Shard(s, 0, 0).Err(),
		"repeat 0 times":                         Repeat(s, 0).Err(),
		"batches of 0":                           Batch(s, 0, false).Err(),
		"windows of 0 elements every 1":          Window(s, 0, 1, false).Err(),
		"windows of 1 elements every 0":          Window(s, 1, 0, false).Err(),
		"batches of -1":                          Bucket(s, length, []int{1}, -1, false).Err(),
		"bucket limits []":                       Bucket(s, length, nil, 1, false).Err(),
		"bucket limits [2 1]":                    Bucket(s, length, []int{2, 1}, 1, false).Err(),
		"interleave 0 elements of 1":             Interleave(s, func(int) (*Stream[int], error) { return s, nil }, 1, 0).Err(),
		"1 weights for a mixture of 0":           Sample[int](nil, []float64{1}, 1).Err(),
		"weight 0 of a mixture is 0":             Sample([]*Stream[int]{s}, []float64{0}, 1).Err(),
		"weight 0 of a mixture is NaN":           Sample([]*Stream[int]{s}, []float64{math.NaN()}, 1).Err(),
		"-1 elements":                            New[int](nil, &minus).Err(),
		"pack: length: 0":                        Pack(e, data.Packing{Values: []float64{0}}, 1).Err(),
		"0 open rows":                            Pack(e, data.Packing{Length: 1, Values: []float64{0}}, 0).Err(),
		"shuffle with a buffer of -1 elements, ": Zip(s, Concat(s, Take(Skip(Shard(Cache(Filter(Repeat(Shuffle(s, -1, 1), 2), nil), 3), 1, 0), 1), 1))).Err(),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	for _, s := range []*Stream[[]int]{Batch(Take(s, -1), 2, false), Window(Prefetch(Take(s, -1), 1), 2, 1, false)} {
		n := 0
		for _, err := range s.From(context.Background(), 0, 0) {
			if n++; err != s.Err() || err == nil {
				t.Errorf("read %v, want %v", err, s.Err())
			}
		}
		if n != 1 {
			t.Errorf("%d elements of a stream with a mistake", n)
		}
	}
	for _, place := range [][2]int{{-1, 0}, {0, -1}} {
		for _, err := range s.From(context.Background(), place[0], place[1]) {
			if err == nil || !strings.Contains(err.Error(), "neither can be negative") {
				t.Errorf("%v: error %v", place, err)
			}
		}
	}
	if _, err := NewFeed(e, FeedConfig{}); err == nil || !strings.Contains(err.Error(), "stream: feed: batch: 0 items") {
		t.Errorf("error %v", err)
	}
	if _, err := NewFeed(e, FeedConfig{Batch: 1}, Ahead(-1)); err == nil || !strings.Contains(err.Error(), "-1 batches ahead") {
		t.Errorf("error %v", err)
	}
	if _, err := NewFeed(Take(e, -1), FeedConfig{Batch: 1}); err == nil || !strings.Contains(err.Error(), "take -1") {
		t.Errorf("error %v", err)
	}
	none := Interleave(s, func(int) (*Stream[int], error) { return nil, nil }, 1, 1)
	for _, err := range none.From(context.Background(), 0, 0) {
		if err == nil || !strings.Contains(err.Error(), "element 0: interleave: no stream") {
			t.Errorf("error %v", err)
		}
	}
}

// A cache reads each element of its stream once, if it may keep it, and is not
// misled by a reading that was cut short.
func TestCacheReadsOnce(t *testing.T) {
	reads := map[int]int{}
	counted := Map(Slice(numbers(20)), func(v int) (int, error) { reads[v]++; return v, nil })
	s := Cache(counted, 12)
	read(t, s, 0, 15) // leaves nothing in the cache
	for range s.From(context.Background(), 0, 0) {
		break
	}
	for range 5 {
		if got := read(t, s, 0, 0); !slices.Equal(got, numbers(20)) {
			t.Fatalf("elements %v", got)
		}
	}
	for v, n := range reads {
		want := map[bool]int{true: 1, false: 5}[v < 12]
		if v >= 15 {
			want++
		}
		if n != want {
			t.Errorf("element %d was read %d times, want %d", v, n, want)
		}
	}
}

// A file of examples is written once for a key, and by no failing reading.
func TestCacheFileIsWrittenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "examples")
	writes, broken := 0, true
	examples := Map(Slice(numbers(5)), func(v int) (Example, error) {
		if v == 0 {
			writes++
		}
		if v == 3 && broken {
			return nil, errBroken
		}
		return example(v), nil
	})
	for _, err := range CacheFile(examples, path, "a").From(context.Background(), 0, 0) {
		if !errors.Is(err, errBroken) {
			t.Fatalf("error %v", err)
		}
	}
	if left, err := os.ReadDir(filepath.Dir(path)); len(left) != 0 || err != nil {
		t.Errorf("a failed reading left %v, %v", left, err)
	}
	broken = false
	for k, key := range []string{"a", "a", "b", "b"} {
		if got := read(t, CacheFile(examples, path, key), 0, 2); len(got) != 3 || got[0][0].Int(0) != 2 {
			t.Errorf("examples %v", got)
		}
		if want := 2 + k/2; writes != want {
			t.Errorf("key %s: written %d times, want %d", key, writes, want)
		}
	}
}

// Rows are read in memory that does not grow, counted without values, and safe
// to keep.
func TestRows(t *testing.T) {
	src := &generated{n: 50}
	rows := Rows(src, "b", "a")
	got := read(t, Shuffle(rows, 20, 1), 0, 0)
	seen := map[any]bool{}
	for _, r := range got {
		if r.Values[1].(int64)*2 != r.Values[0] || r.Where != fmt.Sprint("row ", r.Values[1]) {
			t.Errorf("row %+v", r)
		}
		seen[r.Values[1]] = true
	}
	if len(seen) != 50 {
		t.Errorf("%d rows of 50", len(seen))
	}
	src.values = 0
	if n, err := rows.count(context.Background(), 0); n != 50 || err != nil || src.values != 0 {
		t.Errorf("counted %d, %v, reading %d values", n, err, src.values)
	}
}

// generated is a source that makes rows i, 2i.
type generated struct{ n, values int }

func (*generated) Columns() []source.Column {
	return []source.Column{{Name: "a", Kind: source.Integer}, {Name: "b", Kind: source.Integer}}
}

func (g *generated) Rows(ctx context.Context, columns []int, from int) iter.Seq2[source.Row, error] {
	return func(yield func(source.Row, error) bool) {
		row := source.Row{Values: make([]any, len(columns))}
		for i := from; i < g.n; i++ {
			for k, c := range columns {
				row.Values[k] = int64(i * (c + 1))
				g.values++
			}
			row.Where = fmt.Sprint("row ", i)
			if !yield(row, ctx.Err()) {
				return
			}
		}
	}
}

// A feed of a long source takes no more memory than one of a short one.
func TestFlatMemory(t *testing.T) {
	peak := func(n int) uint64 {
		rows := Shuffle(Rows(&generated{n: n}, "a"), 1000, 1)
		examples := Map(rows, func(r source.Row) (Example, error) {
			x := tensor.Must(tensor.Of(make([]float32, 256)))
			x.SetFloat(0, float64(r.Values[0].(int64)))
			return Example{x}, nil
		}, Workers(2))
		feed, err := NewFeed(examples, FeedConfig{Batch: 64})
		if err != nil {
			t.Fatal(err)
		}
		most := uint64(0)
		var m runtime.MemStats
		sum := 0.0
		for b, err := range feed.From(context.Background(), 0, 0) {
			if err != nil {
				t.Fatal(err)
			}
			for k := range b.N {
				sum += b.Inputs[0].Float(256 * k)
			}
			if b.Index%100 == 0 {
				runtime.GC()
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
		if want := float64(n) * float64(n-1) / 2; sum != want {
			t.Errorf("sum %v, want %v", sum, want)
		}
		return most
	}
	short, long := peak(7000), peak(140000) // 7 MB and 140 MB of examples
	if long > short+2<<20 {
		t.Errorf("%d bytes for 7000 rows, %d for 140000", short, long)
	}
}

// Once a feed runs, a batch costs no memory but its examples'.
func TestFeedReusesMemory(t *testing.T) {
	var all []Example
	for i := range 2000 {
		all = append(all, Example{tensor.Scalar(int64(i))})
	}
	for _, n := range []int{0, 2} {
		epoch := func(batch int) float64 {
			feed, err := NewFeed(Slice(all), FeedConfig{Batch: batch}, Ahead(n))
			if err != nil {
				t.Fatal(err)
			}
			return testing.AllocsPerRun(3, func() {
				for _, err := range feed.From(context.Background(), 0, 0) {
					if err != nil {
						t.Fatal(err)
					}
				}
			})
		}
		few, many := epoch(1000), epoch(2)
		if many > few+1010 { // a list of examples for each of 1000 batches
			t.Errorf("%d ahead: %v allocations for 2 batches, %v for 1000", n, few, many)
		}
	}
}

func BenchmarkElement(b *testing.B) {
	const n = 100000
	double := func(v int) (int, error) { return 2 * v, nil }
	source := Slice(numbers(n))
	for _, c := range []struct {
		name string
		s    *Stream[int]
	}{
		{"slice", source},
		{"map", Map(source, double)},
		{"map, 2 workers", Map(source, double, Workers(2))},
		{"filter", Filter(source, func(v int) (bool, error) { return v&1 == 0, nil })},
		{"shuffle", Shuffle(source, 1000, 1)},
		{"shuffle all", ShuffleAll(source, 1)},
		{"batch of 100", Unbatch(Batch(source, 100, false))},
		{"prefetch", Prefetch(source, 100)},
		{"interleave", Interleave(Slice(numbers(100)), func(int) (*Stream[int], error) { return Take(source, n/100), nil }, 4, 1)},
		{"sample", Sample([]*Stream[int]{Take(source, n/2), Take(source, n/2)}, []float64{1, 2}, 1)},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				for _, err := range c.s.From(context.Background(), 0, 0) {
					if err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/element")
		})
	}
}
