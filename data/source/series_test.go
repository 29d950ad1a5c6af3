package source

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/gradus-ml/gradus/tensor"
)

// held is the Config of a table that a test has made.
type held struct{ Table }

func (h held) Validate() error                               { return nil }
func (h held) Open(context.Context, Files) (Table, error)    { return h.Table, nil }
func (h held) Stream(context.Context, Files) (Stream, error) { return Sequence(h.Table), nil }

// Four hours and what follows them are one row.
func ExampleSeries() {
	steps, err := Rows("weather.csv", []Column{{"hour", Integer}, {"degrees", Number}},
		[]any{int64(0), 7.5}, []any{int64(1), 7.0}, []any{int64(2), 6.0}, []any{int64(3), 6.5}, []any{int64(4), 8.0})
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := DefaultSeries()
	cfg.Source, cfg.Columns, cfg.History = held{steps}, []string{"degrees"}, 4
	table, err := cfg.Open(context.Background(), nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	row := make([]any, 3)
	if err := table.Read(row, 0, []int{0, 1, 2}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("hour", row[0])
	fmt.Println(tensor.Data[float64](row[1].(*tensor.Tensor)), "->", tensor.Data[float64](row[2].(*tensor.Tensor)))
	// Output:
	// hour 3
	// [7.5 7 6 6.5] -> [8]
}

func TestSeries(t *testing.T) {
	var rows [][]any
	for i := range 9 {
		group := "a"
		if i >= 5 {
			group = "b"
		}
		rows = append(rows, []any{group, float64(i), int64(10 * i), i%2 == 0})
	}
	steps, err := Rows("steps", []Column{{"town", Text}, {"x", Number}, {"y", Integer}, {"sunday", Boolean}}, rows...)
	if err != nil {
		t.Fatal(err)
	}
	show := func(c Series) (out []string) {
		t.Helper()
		c.Source = held{steps}
		table, err := c.Open(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		all := make([]int, len(table.Columns()))
		for i := range all {
			all[i] = i
		}
		for i := range table.Len() {
			values := make([]any, len(all))
			if err := table.Read(values, i, all); err != nil {
				t.Fatal(err)
			}
			line := table.Where(i) + ":"
			for _, v := range values {
				if x, ok := v.(*tensor.Tensor); ok {
					v = fmt.Sprint(x, tensor.Data[float64](x))
				}
				line += fmt.Sprint(" ", v)
			}
			out = append(out, line)
		}
		s, err := c.Stream(context.Background(), nil)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, err := range s.Rows(context.Background(), all, 0) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != table.Len() {
			t.Errorf("a stream has %d rows, the table %d", n, table.Len())
		}
		return out
	}
	for _, c := range []struct {
		cfg  Series
		want []string
	}{
		{Series{Columns: []string{"x", "y"}, History: 2, Horizon: 1, Stride: 3},
			[]string{"steps: row 1: a false f64[2 2] [0 0 1 10] f64[1 2] [2 20]", "steps: row 4: a true f64[2 2] [3 30 4 40] f64[1 2] [5 50]", "steps: row 7: b false f64[2 2] [6 60 7 70] f64[1 2] [8 80]"}},
		{Series{Columns: []string{"x"}, History: 2, Horizon: 2, Stride: 2, Group: "town"},
			[]string{"steps: row 1: a 10 false f64[2 1] [0 1] f64[2 1] [2 3]", "steps: row 6: b 60 true f64[2 1] [5 6] f64[2 1] [7 8]"}},
		{Series{Columns: []string{"x", "y"}, Future: []string{"y"}, History: 1, Horizon: 2, Stride: 6},
			[]string{"steps: row 0: a true f64[1 2] [0 0] f64[2 1] [10 20]", "steps: row 6: b true f64[1 2] [6 60] f64[2 1] [70 80]"}},
		{Series{Columns: []string{"y"}, History: 9, Stride: 1},
			[]string{"steps: row 8: b 8 true f64[9 1] [0 10 20 30 40 50 60 70 80]"}},
	} {
		if got := show(c.cfg); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%+v:\ngot  %q\nwant %q", c.cfg, got, c.want)
		}
	}
	for _, c := range []struct {
		cfg  Series
		want string
	}{
		{Series{Source: held{steps}, Columns: []string{"town"}, History: 1, Stride: 1}, "series: column town holds text, want numbers"},
		{Series{Source: held{steps}, Columns: []string{"z"}, History: 1, Stride: 1}, `series: no column "z"; there are town, x, y, sunday`},
		{Series{Source: held{steps}, Columns: []string{"x"}, History: 9, Horizon: 1, Stride: 1}, "series: 9 steps give no stretch of 9 and the 1 that follow"},
		{Series{Source: held{steps}, Columns: []string{"x"}, Future: []string{"y"}, History: 1, Stride: 1}, "series: future: y is not one of columns"},
		{Series{}, "series: source: one is needed\nseries: columns: at least one is needed\nseries: history 0, want 1 to 16777216 steps\nseries: stride 0, want at least 1"},
	} {
		if _, err := c.cfg.Open(context.Background(), nil); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	gap, err := Rows("gap", []Column{{"x", Number}}, []any{1.0}, []any{nil})
	if err != nil {
		t.Fatal(err)
	}
	want := "gap: row 1: column x: no number; a series wants one for every step"
	if _, err := (Series{Source: held{gap}, Columns: []string{"x"}, History: 1, Stride: 1}).Open(context.Background(), nil); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
