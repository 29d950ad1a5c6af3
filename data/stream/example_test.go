package stream_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/stream"
	"github.com/gradus-ml/gradus/tensor"
)

// print prints the elements of epoch 0 from a number on.
func print[T any](s *stream.Stream[T], index int) {
	var all []string
	for v, err := range s.From(context.Background(), 0, index) {
		if err != nil {
			log.Fatal(err)
		}
		all = append(all, fmt.Sprint(v))
	}
	fmt.Println(strings.Join(all, " "))
}

func count(n int) *stream.Stream[int] {
	return stream.New(func(ctx context.Context, epoch, index int) iter.Seq2[int, error] {
		return func(yield func(int, error) bool) {
			for i := index; i < n && yield(i, ctx.Err()); i++ {
			}
		}
	}, &n)
}

// text is the example of a word: its letters.
func text(word string) stream.Example {
	letters := make([]int64, len(word))
	for i := range word {
		letters[i] = int64(word[i])
	}
	return stream.Example{tensor.Must(tensor.Of(letters))}
}

func words() *stream.Stream[stream.Example] {
	return stream.Map(stream.Slice(strings.Fields("a bb ccc d eeee ff")), func(w string) (stream.Example, error) { return text(w), nil })
}

// printExamples prints letters as such, and other numbers below them as digits.
func printExamples(s *stream.Stream[stream.Example]) {
	for e, err := range s.From(context.Background(), 0, 0) {
		if err != nil {
			log.Fatal(err)
		}
		var all []string
		for _, t := range e {
			letters := ""
			for _, x := range tensor.Data[int64](t) {
				if x < 10 {
					x += '0'
				}
				letters += string(rune(x))
			}
			all = append(all, letters)
		}
		fmt.Println(strings.Join(all, " "))
	}
}

func Example() {
	numbers := stream.Shuffle(count(1000), 100, 1)
	examples := stream.Map(numbers, func(i int) (stream.Example, error) {
		return stream.Example{tensor.Scalar(int64(i)), tensor.Scalar(int64(i % 2))}, nil
	}, stream.Workers(2))
	feed, err := stream.NewFeed(examples, stream.FeedConfig{Batch: 4})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(feed.Batches())
	for b, err := range feed.From(context.Background(), 0, 248) { // as a resumed run does
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.Index, b.Items, tensor.Data[int64](b.Inputs[0]), tensor.Data[int64](b.Inputs[1]))
	}
	// Output:
	// 250 true
	// 248 [992 993 994 995] [864 926 998 936] [0 0 0 0]
	// 249 [996 997 998 999] [950 935 963 860] [0 1 1 0]
}

func ExampleNew() {
	print(count(8), 5)
	// Output: 5 6 7
}

func ExampleStream_From() {
	s := stream.Map(count(4), func(i int) (int, error) {
		if i == 2 {
			return 0, errors.New("two is one too many")
		}
		return i, nil
	})
	for v, err := range s.From(context.Background(), 0, 0) {
		fmt.Println(v, err)
	}
	// Output:
	// 0 <nil>
	// 1 <nil>
	// 0 stream: element 2: two is one too many
}

func ExampleStream_Err() {
	s := stream.Batch(stream.Shuffle(count(4), 0, 1), 2, false)
	fmt.Println(s.Err())
	// Output: stream: shuffle with a buffer of 0 elements, want at least 1
}

func ExampleSlice() {
	print(stream.Slice([]string{"a", "b", "c"}), 1)
	// Output: b c
}

func ExampleDataset() {
	set, err := data.Tensors(tensor.Must(tensor.Of([]int64{7, 8, 9})))
	if err != nil {
		log.Fatal(err)
	}
	printExamples(stream.Dataset(set))
	// Output:
	// 7
	// 8
	// 9
}

// lines is a source of one column.
type lines []string

func (lines) Columns() []source.Column { return []source.Column{{Name: "line", Kind: source.Text}} }

func (l lines) Rows(ctx context.Context, columns []int, from int) iter.Seq2[source.Row, error] {
	return func(yield func(source.Row, error) bool) {
		values := make([]any, len(columns))
		for i := from; i < len(l); i++ {
			for k := range columns {
				values[k] = l[i]
			}
			if !yield(source.Row{Values: values, Where: fmt.Sprint("line ", i+1)}, ctx.Err()) {
				return
			}
		}
	}
}

func ExampleRows() {
	rows := stream.Rows(lines{"one", "two", "three"}, "line")
	print(stream.ShuffleAll(rows, 1), 0)
	fmt.Println(stream.Rows(lines{}, "word").Err())
	// Output:
	// {[two] line 2} {[three] line 3} {[one] line 1}
	// stream: no column "word"; there are line
}

func ExampleMap() {
	print(stream.Map(count(5), func(i int) (int, error) { return i * i, nil }, stream.Workers(2)), 0)
	// Output: 0 1 4 9 16
}

func ExampleMapDraw() {
	noisy := func(i int, d data.Draw) (float32, error) { return float32(i) + d.Stream("noise").Float32(), nil }
	print(stream.MapDraw(count(3), noisy, 1), 0)
	print(stream.MapDraw(count(3), noisy, 1, stream.Workers(3)), 1)
	// Output:
	// 0.3806507 1.2759693 2.1905966
	// 1.2759693 2.1905966
}

func ExampleFilter() {
	print(stream.Filter(count(9), func(i int) (bool, error) { return i%2 == 0, nil }), 1)
	// Output: 2 4 6 8
}

func ExampleShuffle() {
	print(stream.Shuffle(count(12), 4, 1), 0)
	print(stream.Shuffle(count(12), 4, 1), 9)
	// Output:
	// 1 4 2 3 5 7 6 0 8 9 10 11
	// 9 10 11
}

func ExampleShuffleAll() {
	print(stream.ShuffleAll(count(12), 1), 0)
	// Output: 10 1 5 9 8 2 6 4 3 7 11 0
}

func ExamplePrefetch() {
	print(stream.Prefetch(count(5), 2), 0)
	// Output: 0 1 2 3 4
}

func ExampleTake() {
	print(stream.Take(count(9), 3), 0)
	// Output: 0 1 2
}

func ExampleSkip() {
	print(stream.Skip(count(9), 6), 0)
	// Output: 6 7 8
}

func ExampleShard() {
	print(stream.Shard(count(9), 4, 0), 0)
	print(stream.Shard(count(9), 4, 1), 0)
	// Output:
	// 0 4 8
	// 1 5
}

func ExampleConcat() {
	print(stream.Concat(count(2), count(4)), 1)
	// Output: 1 0 1 2 3
}

func ExampleRepeat() {
	print(stream.Repeat(stream.Shuffle(count(4), 4, 1), 3), 0)
	// Output: 1 3 2 0 0 2 1 3 0 3 2 1
}

func ExampleZip() {
	print(stream.Zip(count(9), stream.Slice([]string{"a", "b"})), 0)
	// Output: {0 a} {1 b}
}

func ExampleInterleave() {
	files := stream.Slice([]string{"a", "b", "c"})
	rows := func(file string) (*stream.Stream[string], error) {
		return stream.Map(count(3), func(i int) (string, error) { return fmt.Sprint(file, i), nil }), nil
	}
	print(stream.Interleave(files, rows, 2, 1), 0) // one of each of two in turn
	print(stream.Interleave(files, rows, 2, 2), 0)
	// Output:
	// a0 b0 a1 b1 a2 b2 c0 c1 c2
	// a0 a1 b0 b1 a2 c0 c1 b2 c2
}

func ExampleSample() {
	common, rare := count(100), stream.Slice([]int{-1, -2, -3, -4, -5})
	print(stream.Take(stream.Sample([]*stream.Stream[int]{common, rare}, []float64{3, 1}, 1), 16), 0)
	// Output: -1 -2 -3 -4 0 1 2 3 4 5 -5 6 7 8 9 10
}

func ExampleBatch() {
	print(stream.Batch(count(8), 3, false), 0)
	print(stream.Batch(count(8), 3, true), 1)
	// Output:
	// [0 1 2] [3 4 5] [6 7]
	// [3 4 5]
}

func ExampleUnbatch() {
	print(stream.Unbatch(stream.Slice([][]int{{1, 2}, {}, {3}})), 0)
	// Output: 1 2 3
}

func ExampleWindow() {
	print(stream.Window(count(5), 3, 1, true), 0)
	print(stream.Window(count(5), 3, 2, false), 0)
	print(stream.Window(count(9), 2, 4, false), 0)
	// Output:
	// [0 1 2] [1 2 3] [2 3 4]
	// [0 1 2] [2 3 4] [4]
	// [0 1] [4 5] [8]
}

func ExampleBucket() {
	words := stream.Slice(strings.Fields("a bb ccc d eeee ff"))
	length := func(w string) (int, error) { return len(w), nil }
	print(stream.Bucket(words, length, []int{1, 4}, 2, false), 0)
	// Output: [bb ccc] [a d] [eeee ff]
}

func ExampleCache() {
	read := 0
	s := stream.Cache(stream.Map(count(4), func(i int) (int, error) { read++; return i, nil }), 100)
	print(s, 0)
	print(s, 2)
	fmt.Println(read)
	// Output:
	// 0 1 2 3
	// 2 3
	// 4
}

func ExampleCacheFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	s := stream.CacheFile(words(), filepath.Join(dir, "words"), "words, version 1")
	printExamples(stream.Take(s, 2))
	// Output:
	// a
	// bb
}

func ExamplePack() {
	packing := data.Packing{Length: 5, Values: []float64{0}}
	printExamples(stream.Pack(words(), packing, 2)) // letters, segments, positions
	// Output:
	// abbd0 12230 00100
	// cccff 11122 01201
	// eeee0 11110 01230
}

func ExamplePaddedBatch() {
	blank := float64('_')
	printExamples(stream.PaddedBatch(words(), 2, &data.Padding{Values: []*float64{&blank}, Lengths: true}, false))
	// Output:
	// a_bb 12
	// cccd__ 31
	// eeeeff__ 42
}

func ExampleNewFeed() {
	blank := float64('_')
	feed, err := stream.NewFeed(words(), stream.FeedConfig{Batch: 2, Pad: &data.Padding{Values: []*float64{&blank}, Buckets: []int{2, 4}}})
	if err != nil {
		log.Fatal(err)
	}
	for b, err := range feed.From(context.Background(), 0, 0) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(b.Items, b.Inputs[0])
	}
	// Output:
	// [0 1] i64[2 2]
	// [2 4] i64[2 4]
	// [3 5] i64[2 2]
}
