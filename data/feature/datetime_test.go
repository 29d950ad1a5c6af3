package feature_test

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/data/feature"
)

func TestDateTime(t *testing.T) {
	format := func(s string) *string { return &s }
	all := []feature.DatePart{feature.Instant, feature.YearDay, feature.Month, feature.Day, feature.Weekday, feature.Hour, feature.Minute}
	for _, c := range []struct {
		table  string
		format *string
		a, b   any
	}{
		{"t:text", nil, "2024-02-29T18:45:00Z", "2024-03-01 18:45"},
		{"t:text", nil, "2024-02-29T18:45:00+00:00", "2024-03-01T18:45:00.000"},
		{"t:text", format("%d.%m.%Y, %H:%M"), "29.02.2024, 18:45", " 01.03.2024, 18:45 "},
		{"t:text", format("%b %d %y %I:%M:%S.%f %p"), "Feb 29 24 06:45:00.000 PM", "Mar 01 24 06:45:00.0 PM"},
		{"t:integer", nil, int64(1709232300), int64(1709318700)},
		{"t:number", nil, 1709232300.0, 1709318700.0},
	} {
		cfg := feature.DateTime{Column: "t", Format: c.format, Parts: all}
		_, got := fit(t, cfg, rows(t, c.table, []any{c.a}, []any{c.b}))
		// 29 February 2024 was a Thursday, day 60 of 366.
		want := []float64{-1}
		for _, at := range []float64{59.0 / 366, 1.0 / 12, 28.0 / 29, 4.0 / 7, 18.0 / 24, 45.0 / 60} {
			want = append(want, math.Sin(2*math.Pi*at), math.Cos(2*math.Pi*at))
		}
		if len(got[0]) != len(want) {
			t.Fatalf("%v: %v", c.a, got[0])
		}
		for i := range want {
			if math.Abs(got[0][i]-want[i]) > 1e-6 {
				t.Errorf("%v: number %d is %v, want %v", c.a, i, got[0][i], want[i])
			}
		}
		if got[1][0] != 1 || math.Abs(got[1][5]-0) > 1e-6 || math.Abs(got[1][6]-1) > 1e-6 { // the first of its month
			t.Errorf("%v: %v", c.b, got[1])
		}
	}
	cfg := feature.DefaultDateTime()
	cfg.Column = "t"
	_, err := feature.Fit(ctx, named(cfg), nil, nil, rows(t, "t:text", []any{"2024-02-30"}, []any{nil}))
	wrong(t, err, "test: row 0: column t: \"2024-02-30\" is not a time of the format\ntest: row 1: column t: no time; leave such rows out")
	_, err = feature.Fit(ctx, named(cfg), nil, nil, rows(t, "t:integer", []any{int64(1709232300000)}))
	wrong(t, err, "test: row 0: column t: the number does not count seconds since 1970")
	for bad, want := range map[string]string{"%Y-%q": `format: "%Y-%q" has an unknown directive at "%q"`, "%": `format: "%" has an unknown directive at "%"`, "20%y": `format: "20%y" has a 2 outside of directives`} {
		cfg.Format = &bad
		wrong(t, cfg.Validate(), want)
	}
}
