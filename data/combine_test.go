package data

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/tensor"
)

// listed reads a dataset in three ways and demands that they agree: item by
// item, gathered in one batch, and by a loader. It returns each item as text.
func listed(t *testing.T, ds Dataset, epoch int) []string {
	t.Helper()
	text := func(item []*tensor.Tensor) (s string) {
		for _, x := range item {
			for i := range x.Size() {
				s += fmt.Sprint(x.Float(i), " ")
			}
		}
		return s
	}
	var items []string
	var like []*tensor.Tensor
	numbers := make([]int, ds.Len())
	for i := range ds.Len() {
		item, err := itemAt(ds, i, epoch)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, text(item))
		like = item
		numbers[i] = i
	}
	rows := func(batch []*tensor.Tensor) (s []string) {
		for k := range batch[0].Shape().Dim(0) {
			var row []*tensor.Tensor
			for _, x := range batch {
				row = append(row, x.Rows(k, k+1))
			}
			s = append(s, text(row))
		}
		return s
	}
	c, err := NewCollator(like, nil)
	if err != nil {
		t.Fatal(err)
	}
	var b Batch
	c.room(&b, ds.Len())
	if err := gather(ds, b.Inputs, numbers, epoch); err != nil {
		t.Fatal(err)
	}
	if got := rows(b.Inputs); !slices.Equal(got, items) {
		t.Errorf("gathered %q, want %q", got, items)
	}
	var loaded []string
	for b, err := range newLoader(t, ds, LoaderConfig{Batch: 3}, WithWorkers(2)).Epoch(context.Background(), epoch) {
		if err != nil {
			t.Fatal(err)
		}
		loaded = append(loaded, rows(b.Inputs)...)
	}
	if !slices.Equal(loaded, items) {
		t.Errorf("loaded %q, want %q", loaded, items)
	}
	return items
}

func TestCombined(t *testing.T) {
	made := func(ds Dataset, err error) Dataset {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return ds
	}
	a, b := numbered(3), itemwise{numbered(2)}
	for _, c := range []struct {
		ds   Dataset
		want string
	}{
		{made(Subset(a, []int{2, 0, 2})), "2 -2 2 |0 0 0 |2 -2 2 "},
		{made(Concat(a, made(Subset(a, nil)), b)), "0 0 0 |1 -1 1 |2 -2 2 |0 0 0 |1 -1 1 "},
		{made(Repeat(b, 2)), "0 0 0 |1 -1 1 |0 0 0 |1 -1 1 "},
		{made(Zip(b, made(Subset(a, []int{1, 2})))), "0 0 0 1 -1 1 |1 -1 1 2 -2 2 "},
		{made(Subset(made(Repeat(made(Concat(b, a)), 2)), []int{9, 1, 6, 4})), "2 -2 2 |1 -1 1 |1 -1 1 |2 -2 2 "},
	} {
		if got := strings.ReplaceAll(strings.Join(listed(t, c.ds, 0), "|"), "-0 ", "0 "); got != c.want {
			t.Errorf("items %s, want %s", got, c.want)
		}
	}
}

// What is drawn for an item follows it through all that is made of its set;
// repetitions draw anew, and no epoch draws what another did.
func TestCombinedDraws(t *testing.T) {
	d := &drawn{n: 4}
	plain := func(epoch int) []string { return listed(t, d, epoch) }
	sub, err := Subset(d, []int{3, 1})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := listed(t, sub, 5), plain(5); !slices.Equal(got, []string{want[3], want[1]}) {
		t.Errorf("subset %q, want of %q", got, want)
	}
	twice, err := Repeat(d, 2)
	if err != nil {
		t.Fatal(err)
	}
	for epoch := range 3 {
		if got, want := listed(t, twice, epoch), slices.Concat(plain(2*epoch), plain(2*epoch+1)); !slices.Equal(got, want) {
			t.Errorf("repeated in epoch %d: %q, want %q", epoch, got, want)
		}
	}
}

// Lengths reach through, for buckets.
func TestCombinedLengths(t *testing.T) {
	a, b := measured{words{[]int{1, 2, 3}}}, words{[]int{9, 8}}
	both, err := Concat(a, b)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := Subset(both, []int{4, 2, 0})
	if err != nil {
		t.Fatal(err)
	}
	zip, err := Zip(sub, numbered(3), words{[]int{1, 20, 0}})
	if err != nil {
		t.Fatal(err)
	}
	pad := &Padding{Values: []*float64{number(0), number(0), nil, nil, nil, nil, number(0)}}
	for i, want := range []int{8, 10, 1} { // the third set counts with its pairs alone, of half its length
		if n, err := length(zip, i, pad); n != want || err != nil {
			t.Errorf("item %d: length %d, %v, want %d", i, n, err, want)
		}
	}
}

func TestCombinedMistakes(t *testing.T) {
	a := numbered(3)
	for _, c := range []struct {
		make func() (Dataset, error)
		want string
	}{
		{func() (Dataset, error) { return Subset(a, []int{0, 3}) }, "place 1 is item 3, the dataset has 3"},
		{func() (Dataset, error) { return Subset(a, []int{-1}) }, "place 0 is item -1"},
		{func() (Dataset, error) { return Concat() }, "no datasets"},
		{func() (Dataset, error) { return Repeat(a, 0) }, "0 times"},
		{func() (Dataset, error) { return Zip() }, "no datasets"},
		{func() (Dataset, error) { return Zip(a, numbered(4)) }, "dataset 1 has 4 items, dataset 0 has 3"},
		{func() (Dataset, error) { return Zip(ragged{}) }, "the datasets have no items"},
	} {
		if _, err := c.make(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
}
