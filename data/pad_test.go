package data

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func number(v float64) *float64 { return &v }

// words is a dataset whose item i is lengths[i] tokens i+1, float32 pairs of
// half that number, and i itself.
type words struct{ lengths []int }

func (w words) Len() int { return len(w.lengths) }

func (w words) Item(i int) ([]*tensor.Tensor, error) {
	tokens := slices.Repeat([]int32{int32(i + 1)}, w.lengths[i])
	pairs := slices.Repeat([]float32{float32(i), -float32(i)}, w.lengths[i]/2)
	return []*tensor.Tensor{
		tensor.Must(tensor.Of(tokens)),
		tensor.Must(tensor.Of(pairs, w.lengths[i]/2, 2)),
		tensor.Scalar(int64(i)),
	}, nil
}

// measured knows lengths without its items.
type measured struct{ words }

func (m measured) Length(i int) (int, error) { return m.lengths[i], nil }

func TestPadding(t *testing.T) {
	cfg := LoaderConfig{Batch: 2, Pad: &Padding{Values: []*float64{number(-7), number(0.5)}, Lengths: true}}
	var got []string
	for b, err := range newLoader(t, words{[]int{2, 5, 0, 0, 3}}, cfg).Epoch(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(b.Inputs, tensor.Data[int32](b.Inputs[0]), b.Inputs[1].F32(), tensor.Data[int64](b.Inputs[2]), tensor.Data[int64](b.Inputs[3]), tensor.Data[int64](b.Inputs[4])))
	}
	want := []string{
		"[i32[2 5] f32[2 2 2] i64[2] i64[2] i64[2]] [1 1 -7 -7 -7 2 2 2 2 2] [0 -0 0.5 0.5 1 -1 1 -1] [0 1] [2 5] [1 2]",
		"[i32[2 0] f32[2 0 2] i64[2] i64[2] i64[2]] [] [] [2 3] [0 0] [0 0]",
		"[i32[1 3] f32[1 1 2] i64[1] i64[1] i64[1]] [5 5 5] [4 -4] [4] [3] [1]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("batches\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Batches of a bucket hold items of its lengths, padded to its end; an epoch
// holds every item once; seed and epoch make the order.
func TestBuckets(t *testing.T) {
	lengths := make([]int, 97)
	for i := range lengths {
		lengths[i] = i * i % 41
	}
	limits := []int{8, 16, 40}
	cfg := LoaderConfig{Batch: 5, Shuffle: true, Seed: 4, Pad: &Padding{Values: []*float64{number(0), number(0)}, Buckets: limits, Lengths: true}}
	epoch := func(ds Dataset, cfg LoaderConfig, epoch, index int, options ...Option) (items []int, batches [][]int) {
		l := newLoader(t, ds, cfg, options...)
		for b, err := range l.From(context.Background(), epoch, index) {
			if err != nil {
				t.Fatal(err)
			}
			k := slices.Index(limits, b.Inputs[0].Shape().Dim(1))
			if k < 0 || b.Inputs[1].Shape().Dim(1) != limits[k] {
				t.Fatalf("batch padded to %v and %v", b.Inputs[0], b.Inputs[1])
			}
			for r, i := range b.Items {
				row := tensor.Data[int32](b.Inputs[0])[r*limits[k] : (r+1)*limits[k]]
				want := append(slices.Repeat([]int32{int32(i + 1)}, lengths[i]), make([]int32, limits[k]-lengths[i])...)
				if !slices.Equal(row, want) || k > 0 && lengths[i] <= limits[k-1] || b.Inputs[3].Int(r) != int64(lengths[i]) {
					t.Fatalf("item %d of length %d in the bucket of %d: %v", i, lengths[i], limits[k], row)
				}
			}
			batches = append(batches, slices.Clone(b.Items))
			items = append(items, b.Items...)
		}
		if len(batches) != l.Len()-index {
			t.Errorf("%d batches, want %d", len(batches), l.Len()-index)
		}
		return items, batches
	}
	items, whole := epoch(words{lengths}, cfg, 1, 0)
	if sorted := slices.Sorted(slices.Values(items)); len(sorted) != 97 || sorted[0] != 0 || sorted[96] != 96 || len(slices.Compact(sorted)) != 97 {
		t.Errorf("items %v", items)
	}
	again, rest := epoch(measured{words{lengths}}, cfg, 1, 6, WithWorkers(3))
	if !slices.EqualFunc(rest, whole[6:], slices.Equal) {
		t.Errorf("from batch 6, by three workers: %v, want %v", again, whole[6:])
	}
	if other, _ := epoch(words{lengths}, cfg, 2, 0); slices.Equal(other, items) {
		t.Error("two epochs have one order")
	}
	short := 0
	for _, b := range whole {
		if len(b) < 5 {
			short++
		}
	}
	if short > len(limits) {
		t.Errorf("%d batches are not full", short)
	}
	cfg.DropLast = true
	if _, full := epoch(words{lengths}, cfg, 1, 0); len(full) != len(whole)-short || slices.ContainsFunc(full, func(b []int) bool { return len(b) < 5 }) {
		t.Errorf("%d batches without the %d short ones of %d", len(full), short, len(whole))
	}
}

func TestPaddingMistakes(t *testing.T) {
	w := words{[]int{3, 9}}
	for _, c := range []struct {
		pad  Padding
		want string
	}{
		{Padding{}, "data: loader: pad.values: none for any tensor"},
		{Padding{Values: []*float64{number(0)}, Buckets: []int{4, 4}}, "pad.buckets: [4 4], want ascending"},
		{Padding{Values: []*float64{number(0)}, Buckets: []int{0}}, "pad.buckets: [0], want ascending lengths of at least 1"},
		{Padding{Values: []*float64{number(0), number(0)}, Buckets: []int{4, 8}}, "item 1: length 9, the largest bucket is 8"},
		{Padding{Values: []*float64{number(0), number(0), number(1)}}, "tensor 2 is a scalar"},
		{Padding{Values: []*float64{number(0.5), number(0)}}, "tensor 0 of type i32 can't hold 0.5"},
		{Padding{Values: []*float64{number(math.NaN()), number(0)}}, "tensor 0 of type i32 can't hold NaN"},
		{Padding{Values: []*float64{nil, nil, nil, number(1)}}, "4 values for items of 3 tensors"},
		{Padding{Values: []*float64{number(0)}}, "item 1: tensor 1 is f32[4 2], in the first item it is f32[1 2]; give a padding"},
	} {
		l, err := NewLoader(w, LoaderConfig{Batch: 2, Pad: &c.pad})
		if err == nil {
			for _, err = range l.Epoch(context.Background(), 0) {
			}
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	if _, err := NewSampledLoader(w, sequential(2), LoaderConfig{Batch: 1, Shuffle: true}); err == nil || !strings.Contains(err.Error(), "a sampler makes the order") {
		t.Errorf("error %v", err)
	}
}

// Settings survive being written down.
func TestSettingsAsText(t *testing.T) {
	cfg := LoaderConfig{Batch: 8, Shuffle: true, Seed: 3, DropLast: true, Pad: &Padding{Values: []*float64{nil, number(-1.5)}, Buckets: []int{2, 4}, Lengths: true}}
	text, err := config.Encode(cfg, nil)
	if err != nil {
		t.Fatal(err)
	}
	var back LoaderConfig
	if err := config.Decode(text, "loader.yaml", &back, nil); err != nil || !reflect.DeepEqual(back, cfg) {
		t.Errorf("%+v, %v, from\n%s", back, err, text)
	}
}

// Once shapes have been seen, a batch takes no memory but its items'.
func TestPaddingReusesMemory(t *testing.T) {
	item := []*tensor.Tensor{tensor.Must(tensor.Of([]int64{1, 2, 3}))}
	long := []*tensor.Tensor{tensor.Must(tensor.Of([]int64{1, 2, 3, 4}))}
	c, err := NewCollator(item, &Padding{Values: []*float64{number(0)}, Lengths: true})
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	if n := testing.AllocsPerRun(10, func() {
		if c.Collate(&b, [][]*tensor.Tensor{item, item}, 0) != nil || c.Collate(&b, [][]*tensor.Tensor{item, long}, 0) != nil {
			t.Error("collating fails")
		}
	}); n > 2 { // the lists of items above
		t.Errorf("%v allocations", n)
	}
	if b.Inputs[0].Shape() != shape.Of(2, 4) || b.N != 2 {
		t.Errorf("%v", b.Inputs)
	}
}
