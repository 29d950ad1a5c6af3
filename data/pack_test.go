package data

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/tensor"
)

// sentences is a dataset of tokens and their negatives: item i has lengths[i]
// of them, 100i+1, 100i+2 and so on.
type sentences struct{ lengths []int }

func (s sentences) Len() int { return len(s.lengths) }

func (s sentences) Item(i int) ([]*tensor.Tensor, error) {
	x, y := make([]int32, s.lengths[i]), make([]float32, s.lengths[i])
	for k := range x {
		x[k], y[k] = int32(100*i+k+1), -float32(100*i+k+1)
	}
	return []*tensor.Tensor{tensor.Must(tensor.Of(x)), tensor.Must(tensor.Of(y))}, nil
}

func TestPack(t *testing.T) {
	ds, err := Pack(sentences{[]int{2, 7, 0, 3, 1, 4}}, Packing{Length: 4, Values: []float64{-1, 0.5}, Split: true})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i := range ds.Len() {
		item, err := ds.Item(i)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(tensor.Data[int32](item[0]), item[1].F32(), tensor.Data[int64](item[2]), tensor.Data[int64](item[3])))
	}
	want := []string{
		"[1 2 -1 -1] [-1 -2 0.5 0.5] [1 1 0 0] [0 1 0 0]",
		"[101 102 103 104] [-101 -102 -103 -104] [1 1 1 1] [0 1 2 3]",
		"[105 106 107 -1] [-105 -106 -107 0.5] [1 1 1 0] [0 1 2 0]",
		"[301 302 303 401] [-301 -302 -303 -401] [1 1 1 2] [0 1 2 0]",
		"[501 502 503 504] [-501 -502 -503 -504] [1 1 1 1] [0 1 2 3]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// Every token stands in exactly one place, and the rows are nearly full.
func TestPackFillsRows(t *testing.T) {
	lengths := make([]int, 3000)
	r := rand.New(rand.NewPCG(1, 1))
	total := 0
	for i := range lengths {
		lengths[i] = 1 + r.IntN(90)
		total += lengths[i]
	}
	const length = 256
	ds, err := Pack(sentences{lengths}, Packing{Length: length, Values: []float64{0, 0}})
	if err != nil {
		t.Fatal(err)
	}
	if full := float64(total) / float64(ds.Len()*length); full < 0.99 {
		t.Errorf("%d rows are %.3f full", ds.Len(), full)
	}
	seen := map[int32]bool{}
	for i := range ds.Len() {
		item, err := ds.Item(i)
		if err != nil {
			t.Fatal(err)
		}
		for k, x := range tensor.Data[int32](item[0]) {
			if x == 0 {
				continue
			}
			if seen[x] || item[3].Int(k) != int64((x-1)%100) || item[2].Int(k) == 0 {
				t.Fatalf("row %d position %d: token %d, position %d in segment %d", i, k, x, item[3].Int(k), item[2].Int(k))
			}
			seen[x] = true
		}
	}
	if len(seen) != total {
		t.Errorf("%d tokens of %d", len(seen), total)
	}
}

func TestPackMistakes(t *testing.T) {
	one := []float64{0, 0}
	for _, c := range []struct {
		ds   Dataset
		p    Packing
		want string
	}{
		{sentences{[]int{1}}, Packing{Values: one}, "data: pack: length: 0, want"},
		{sentences{[]int{1}}, Packing{Length: 4}, "data: pack: values: none"},
		{sentences{[]int{1, 5}}, Packing{Length: 4, Values: one}, "item 1: a sequence of length 5 for rows of 4"},
		{sentences{[]int{1}}, Packing{Length: 4, Values: []float64{0}}, "item 0: 2 tensors, packing has values for 1"},
		{numbered(2), Packing{Length: 4, Values: one}, "item 0: tensor 1 is a scalar"},
		{words{[]int{4}}, Packing{Length: 4, Values: []float64{0, 0, 0}}, "item 0: tensor 1 has length 2, tensor 0 has 4"},
	} {
		ds, err := Pack(c.ds, c.p)
		if err == nil {
			_, err = ds.Item(0)
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	p := Packing{Length: 3, Values: []float64{0}}
	a, b := tensor.Must(tensor.Of([]int32{1, 2})), tensor.Must(tensor.Of([]int64{1}))
	for want, row := range map[string][][]*tensor.Tensor{
		"a row of no sequences":                   nil,
		"tensor 0 is i64[1] in sequence 1":        {{a}, {b}},
		"2 sequences are too long for a row of 3": {{a}, {a}},
	} {
		if _, err := p.Row(row); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
