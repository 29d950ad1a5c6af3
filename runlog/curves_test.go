package runlog

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math"
	"os"
	"slices"
	"testing"

	"gonum.org/v1/plot"
)

// line returns n points of slope 1.
func line(n int) []point {
	p := make([]point, n)
	for i := range p {
		p[i] = point{float64(i), float64(i)}
	}
	return p
}

// A constant stays constant; far from the ends a straight line stays where it
// is, which a mean of past points alone would not do.
func TestSmooth(t *testing.T) {
	constant := make([]point, 1000)
	for i := range constant {
		constant[i] = point{float64(i), 3}
	}
	for i, p := range smooth(constant) {
		if math.Abs(p.value-3) > 1e-12 || p.step != float64(i) {
			t.Fatalf("point %d: %v", i, p)
		}
	}
	for i, p := range smooth(line(6000)) {
		if i > 3000-300 && i < 3000+300 && math.Abs(p.value-float64(i)) > 1e-6 {
			t.Fatalf("point %d of a line: %v", i, p.value)
		}
	}
	few := line(smoothParts - 1)
	if !slices.Equal(smooth(few), few) {
		t.Error("few points were smoothed")
	}
}

// The mean is the weighted sum over all points, computed in the obvious way.
func TestSmoothFormula(t *testing.T) {
	points := make([]point, 200)
	for i := range points {
		points[i] = point{float64(i), math.Sin(float64(i * i))}
	}
	got := smooth(points)
	for i := range points {
		var sum, weight float64
		for j, p := range points {
			w := math.Exp(-smoothParts * math.Abs(float64(i-j)) / float64(len(points)))
			sum += w * p.value
			weight += w
		}
		if math.Abs(got[i].value-sum/weight) > 1e-12 {
			t.Fatalf("point %d: %v, want %v", i, got[i].value, sum/weight)
		}
	}
}

func TestThinKeepsSpikes(t *testing.T) {
	points := line(10000)
	points[5003].value = 1e6
	points[7001].value = -1e6
	got := thin(points, 500)
	if len(got) > 502 {
		t.Errorf("%d points, want about 500", len(got))
	}
	if !slices.Contains(got, points[5003]) || !slices.Contains(got, points[7001]) {
		t.Error("a spike was lost")
	}
	if !slices.IsSortedFunc(got, func(a, b point) int { return int(a.step - b.step) }) {
		t.Error("points out of order")
	}
}

func labels(ticks []plot.Tick) []string {
	var s []string
	for _, t := range ticks {
		s = append(s, t.Label)
	}
	return s
}

func TestTicks(t *testing.T) {
	for _, c := range []struct {
		ticker plot.Ticker
		lo, hi float64
		want   []string
	}{
		{linearTicks{8, grouped}, -30, 2380, []string{"0", "500", "1,000", "1,500", "2,000"}},
		{linearTicks{4, grouped}, 0, 3e6, []string{"0", "1,000,000", "2,000,000", "3,000,000"}},
		{linearTicks{6, compact}, 0.1, 0.73, []string{"0.2", "0.4", "0.6"}},
		{logTicks{compact}, 0.018, 2.5, []string{"0.02", "0.05", "0.1", "0.2", "0.5", "1", "2"}},
		{logTicks{compact}, 1e-6, 1.5, []string{"1e-06", "1e-05", "0.0001", "0.001", "0.01", "0.1", "1"}},
		{logTicks{compact}, 1e-80, 1e80, []string{"1e-80", "1e-60", "1e-40", "1e-20", "1", "1e+20", "1e+40", "1e+60", "1e+80"}},
		{percentTicks{}, .964, 1.003, []string{"97 %", "98 %", "99 %", "100 %"}},
	} {
		if got := labels(c.ticker.Ticks(c.lo, c.hi)); !slices.Equal(got, c.want) {
			t.Errorf("%v to %v: %q, want %q", c.lo, c.hi, got, c.want)
		}
	}
}

// training returns records that look like a real run.
func training(epochs, steps int, metrics ...string) []Record {
	var recs []Record
	add := func(step, epoch int, split string, loss float64) {
		r := Record{Step: step, Epoch: epoch, Split: split}
		for _, m := range metrics {
			v := loss
			if m == "accuracy" {
				v = 1 - loss/3
			}
			r.Metrics = append(r.Metrics, Metric{m, v})
		}
		recs = append(recs, r)
	}
	for step := 1; step <= epochs*steps; step++ {
		loss := 2.3*math.Exp(-float64(step)/80) + 0.02
		add(step, (step-1)/steps+1, "train", loss*(1+0.3*math.Sin(float64(step*step))))
		if step%steps == 0 {
			add(step, step/steps, "test", loss*1.2)
		}
	}
	return recs
}

func TestPicture(t *testing.T) {
	zero := training(1, 100, "loss")
	for i := range zero {
		zero[i].Metrics[0].Value = 0
	}
	odd := training(2, 200, "loss", "accuracy")
	odd[7].Metrics[0].Value = math.NaN()
	odd[9].Metrics[0].Value = math.Inf(1)
	odd[11].Metrics[0].Value = 0 // no place on a logarithmic axis
	odd[13].Metrics[0].Value = -1
	one := Record{Step: 5, Split: "test", Metrics: []Metric{{"loss", .5}, {"accuracy", 1}}}
	valid := training(3, 200, "loss", "mean_error")
	for i := range valid {
		if valid[i].Split == "test" {
			valid[i].Split = "validation"
		}
	}
	valid = append(valid, Record{Step: 600, Split: "test", Metrics: []Metric{{"loss", .09}, {"mean_error", .07}}})
	for name, recs := range map[string][]Record{
		"validation":     valid,
		"both":           training(3, 200, "loss", "accuracy"),
		"loss only":      training(3, 200, "loss"),
		"accuracy only":  training(3, 200, "accuracy"),
		"long":           training(100, 300, "loss", "accuracy"),
		"few steps":      training(1, 5, "loss", "accuracy"),
		"one point":      {one},
		"a step 0":       {{Step: 0, Split: "train", Metrics: []Metric{{"loss", 1}}}},
		"all zero":       zero,
		"odd numbers":    odd,
		"huge":           {{Step: 1, Split: "train", Metrics: []Metric{{"loss", 1e99}}}, {Step: 2, Split: "train", Metrics: []Metric{{"loss", 1e-99}}}},
		"neighbours":     {{Step: 1, Split: "train", Metrics: []Metric{{"loss", 1}}}, {Step: math.MaxInt, Split: "train", Metrics: []Metric{{"loss", 1 + 0x1p-52}}}},
		"negative loss":  {{Step: 1, Split: "test", Metrics: []Metric{{"loss", -5}}}, {Step: 2, Split: "test", Metrics: []Metric{{"loss", -7}}}},
		"equal accuracy": {{Step: 1, Split: "test", Metrics: []Metric{{"accuracy", 0}}}, {Step: 2, Split: "test", Metrics: []Metric{{"accuracy", 0}}}},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "both" {
				t.Skip("drawing is slow under the race detector")
			}
			c := NewCurves("mnist", recs)
			if c.Empty() {
				t.Fatal("empty")
			}
			var buf bytes.Buffer
			if err := c.WritePNG(&buf); err != nil {
				t.Fatal(err)
			}
			img, err := png.Decode(&buf)
			if err != nil {
				t.Fatal(err)
			}
			if b := img.Bounds(); b.Dx() != 1600 || b.Dy() != 700 {
				t.Errorf("%v, want 1600x700", b)
			}
			// The legend or a curve shows the colour of a split that is there.
			pix := img.(*image.RGBA).Pix
			count := func(c color.NRGBA) (n int) {
				for i := 0; i < len(pix); i += 4 {
					if pix[i] == c.R && pix[i+1] == c.G && pix[i+2] == c.B {
						n++
					}
				}
				return n
			}
			for _, split := range []struct {
				name string
				ink  color.NRGBA
			}{{"train", trainInk}, {"validation", validInk}, {"test", testInk}} {
				has := slices.ContainsFunc(recs, func(r Record) bool { return r.Split == split.name })
				if drawn := count(split.ink) > 50; drawn != has {
					t.Errorf("%s: drawn %v, in the records %v", split.name, drawn, has)
				}
			}
			if count(color.NRGBA{255, 255, 255, 255}) < 1600*700/2 {
				t.Error("less than half of the picture is white")
			}
		})
	}
}

func TestWriteCurves(t *testing.T) {
	r := create(t, t.TempDir())
	defer r.Close()
	if err := r.WriteCurves("x"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(r.Path(CurvesFile)); !os.IsNotExist(err) {
		t.Errorf("a picture of nothing was written (%v)", err)
	}
	for _, rec := range training(1, 20, "loss", "accuracy") {
		if err := r.Log(rec); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.WriteCurves("x"); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(r.Path(CurvesFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.DecodeConfig(f); err != nil {
		t.Error(err)
	}
}
