package data_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data"
)

func ExampleWindows() {
	set, err := data.Windows([]byte("abcdefgh"), 3, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range set.Len() {
		item, err := set.Item(i)
		if err != nil {
			fmt.Println(err)
			return
		}
		x, y := "", ""
		for j := range 3 {
			x, y = x+string(rune(item[0].Int(j))), y+string(rune(item[1].Int(j)))
		}
		fmt.Println(x, y)
	}
	// Output:
	// abc bcd
	// cde def
	// efg fgh
}

// A loader sees the same windows as Item gives, in its own order.
func TestWindowsLoaded(t *testing.T) {
	tokens := make([]uint16, 40)
	for i := range tokens {
		tokens[i] = uint16(1000 + i)
	}
	set, err := data.Windows(tokens, 7, 5)
	if err != nil {
		t.Fatal(err)
	}
	if set.Len() != 7 { // starts at 0, 5, ..., 30; the last needs tokens to 37
		t.Fatalf("%d windows", set.Len())
	}
	loader, err := data.NewLoader(set, data.LoaderConfig{Batch: 3, Shuffle: true, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[int64]bool{}
	for b, err := range loader.Epoch(context.Background(), 0) {
		if err != nil {
			t.Fatal(err)
		}
		for k := range b.N {
			start := b.Inputs[0].Int(k * 7)
			for j := range 7 {
				if x, y := b.Inputs[0].Int(k*7+j), b.Inputs[1].Int(k*7+j); x != start+int64(j) || y != x+1 {
					t.Errorf("window of %d: token %d is %d, then %d", start, j, x, y)
				}
			}
			seen[start] = true
		}
	}
	for s := int64(1000); s <= 1030; s += 5 {
		if !seen[s] {
			t.Errorf("no window begins with %d", s)
		}
	}
}

func TestWindowsMistakes(t *testing.T) {
	for _, tc := range []struct {
		n, length, stride int
		want              string
	}{
		{10, 0, 1, "windows of 0 tokens every 1"},
		{10, 2, 0, "windows of 2 tokens every 0"},
		{10, 10, 1, "10 tokens are too few for a window of 10"},
	} {
		if _, err := data.Windows(make([]int64, tc.n), tc.length, tc.stride); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("got %v, want %q", err, tc.want)
		}
	}
	if set, err := data.Windows(make([]int64, 11), 10, 1); err != nil || set.Len() != 1 {
		t.Errorf("11 tokens: %v, %v", set, err)
	}
}
