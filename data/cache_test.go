package data

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// reads counts the readings of items of a dataset.
type reads struct {
	Dataset
	n  []atomic.Int32
	at int // item that fails
}

func (r *reads) Item(i int) ([]*tensor.Tensor, error) {
	r.n[i].Add(1)
	if i == r.at {
		return nil, errFaulty
	}
	return r.Dataset.Item(i)
}

func TestCacheKeepsUpToItsLimit(t *testing.T) {
	r := &reads{Dataset: itemwise{numbered(10)}, n: make([]atomic.Int32, 10), at: -1}
	ds := Cache(r, 6*16+8) // an item takes 16 bytes
	for range 3 {
		if got := read(t, newLoader(t, ds, LoaderConfig{Batch: 1}), 0, 0); len(got) != 10 {
			t.Fatalf("items %v", got)
		}
	}
	for i := range 10 {
		want := int32(1) // the loader's first look included
		if i >= 6 {
			want = 3
		}
		if n := r.n[i].Load(); n != want {
			t.Errorf("item %d was read %d times, want %d", i, n, want)
		}
	}
	// Lengths are read once too.
	w := &reads{Dataset: words{[]int{3, 1, 2}}, n: make([]atomic.Int32, 3), at: -1}
	l := newLoader(t, Cache(w, 1<<20), LoaderConfig{Batch: 1, Pad: &Padding{Values: []*float64{number(0), number(0)}, Buckets: []int{2, 4}}})
	for _, err := range l.Epoch(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := w.n[2].Load(); n != 1 {
		t.Errorf("an item whose length was needed was read %d times", n)
	}
	read(t, newLoader(t, Cache(itemwise{numbered(1000)}, 1<<20), LoaderConfig{Batch: 3, Shuffle: true}, WithWorkers(4)), 0, 0)
}

// everyType is a dataset of items of all types and several ranks.
type everyType struct{}

func (everyType) Len() int { return 5 }

func (everyType) Item(i int) ([]*tensor.Tensor, error) {
	var item []*tensor.Tensor
	for k, dt := range dtype.All() {
		s := shape.Of([]int{i, 3, 2}[:k%4]...)
		x := tensor.New(dt, s)
		for j := range x.Size() {
			x.SetFloat(j, float64((i+j)%2))
		}
		item = append(item, x)
	}
	return item[:len(item)-i], nil
}

func sameItem(a, b []*tensor.Tensor) bool {
	return slices.EqualFunc(a, b, func(x, y *tensor.Tensor) bool {
		return x.DType() == y.DType() && x.Shape() == y.Shape() && bytes.Equal(x.Bytes(), y.Bytes())
	})
}

func TestItemFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "items")
	check := noLeak(t)
	for _, key := range []string{"", "a", "a longer key"} {
		f, err := CacheFile(context.Background(), everyType{}, path, key)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range []int{3, 0, 4, 1, 2} {
			want, _ := everyType{}.Item(i)
			if got, err := f.Item(i); err != nil || !sameItem(got, want) {
				t.Errorf("item %d: %v, %v, want %v", i, got, err, want)
			}
		}
		if f.Len() != 5 || f.Close() != nil {
			t.Errorf("%d items", f.Len())
		}
		if _, err := OpenItems(path, key+"!"); !errors.Is(err, ErrOtherItems) {
			t.Errorf("another key: %v", err)
		}
	}
	check()
}

// A file is written once for its key; a failing dataset or a cancelled context
// leaves what was there.
func TestCacheFileIsWrittenOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "items")
	r := &reads{Dataset: itemwise{numbered(10)}, n: make([]atomic.Int32, 10), at: -1}
	for k, key := range []string{"a", "a", "b", "b"} {
		f, err := CacheFile(context.Background(), r, path, key)
		if err != nil {
			t.Fatal(err)
		}
		if n := r.n[3].Load(); n != int32(1+k/2) {
			t.Errorf("key %s: an item was read %d times", key, n)
		}
		read(t, newLoader(t, f, LoaderConfig{Batch: 3, Shuffle: true}, WithWorkers(2)), 0, 0)
		f.Close()
	}
	r.at = 7
	if _, err := CacheFile(context.Background(), r, path, "c"); !errors.Is(err, errFaulty) || !strings.Contains(err.Error(), "item 7") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := CacheFile(ctx, r, path, "c"); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if f, err := OpenItems(path, "b"); err != nil {
		t.Error(err)
	} else {
		f.Close()
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("files %v", left)
	}
}

// A file cut short or with a changed byte gives an error that names it, or the
// right items.
func TestDamagedItemFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "items")
	f, err := CacheFile(context.Background(), everyType{}, path, "key")
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := noLeak(t)
	try := func(name string, b []byte) {
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
		f, err := OpenItems(path, "key")
		if err != nil {
			if !strings.Contains(err.Error(), path) {
				t.Errorf("%s: error %v", name, err)
			}
			return
		}
		defer f.Close()
		if f.Len() != 5 {
			t.Errorf("%s: %d items", name, f.Len())
		}
		for i := range f.Len() {
			want, _ := everyType{}.Item(i)
			item, err := f.Item(i)
			if err != nil && !strings.Contains(err.Error(), path+": offset ") || err == nil && !sameItem(item, want) {
				t.Errorf("%s: item %d: %v, %v", name, i, item, err)
			}
		}
	}
	step := 1
	if testing.Short() {
		step = 11
	}
	for n := 0; n < len(whole); n += step {
		try(fmt.Sprint("cut to ", n), whole[:n])
		changed := slices.Clone(whole)
		changed[n] ^= 1 << (n % 8)
		try(fmt.Sprint("changed at ", n), changed)
	}
	check()
}

// What has the right check sum is hostile all the same.
func FuzzParseItem(f *testing.F) {
	for i := range 5 {
		item, _ := everyType{}.Item(i)
		b := appendItem(nil, item)
		f.Add(b[:len(b)-8])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		aligned := tensor.New(dtype.Uint8, shape.Of(len(b)+16)).Bytes()[:0]
		item, err := parseItem(summed(padded(append(aligned, b...))))
		if err != nil {
			return
		}
		size := 0
		for _, x := range item {
			size += len(x.Bytes())
		}
		if size > len(b)+8 {
			t.Errorf("%d bytes of tensors in an item of %d", size, len(b))
		}
	})
}
