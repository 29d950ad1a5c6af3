package schedule

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/tensor"
)

// Rates over 1000 steps are those of PyTorch and Transformers.
func TestGoldens(t *testing.T) {
	g := moduletest.Open(t, "testdata/schedule.safetensors")
	var cases map[string]struct {
		Op     string
		LR     float64
		Config json.RawMessage
	}
	g.Cases(&cases)
	seen := map[string]bool{}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := g.In(t, name)
			seen[tc.Op] = true
			want := tensor.Data[float64](g.Tensor("out/0"))
			s, err := fromJSON(t, tc.Op, tc.Config).Build(tc.LR, len(want))
			if err != nil {
				t.Fatal(err)
			}
			var metrics []float64
			if g.Has("in/0") {
				metrics = tensor.Data[float64](g.Tensor("in/0"))
			}
			for step, w := range want {
				// sums of PyTorch's recursions drift by a few units in the last place
				if got := s.At(step); !(math.Abs(got-w) <= 1e-12*tc.LR) {
					t.Fatalf("rate %v in step %d, want %v", got, step, w)
				}
				if metrics != nil {
					s.(Observer).Observe(metrics[step])
				}
			}
		})
	}
	for _, k := range Kinds() {
		if !seen[k.Name] {
			t.Errorf("%s has no golden", k.Name)
		}
	}
}

// fromJSON sets the fields of a kind's default that a text has.
func fromJSON(t *testing.T, kind string, text []byte) Config {
	t.Helper()
	for _, k := range Kinds() {
		if k.Name != kind {
			continue
		}
		v := reflect.New(reflect.TypeOf(k.Default))
		v.Elem().Set(reflect.ValueOf(k.Default))
		if err := json.Unmarshal(text, v.Interface()); err != nil {
			t.Fatal(err)
		}
		return v.Elem().Interface().(Config)
	}
	t.Fatalf("there is no schedule %q", kind)
	return nil
}

// Rates stay finite, within what the schedule promises, and after the run at
// what they end at, for runs of any length.
func TestEveryLength(t *testing.T) {
	some := []Config{
		Constant{}, Cosine{Final: 0.1}, Linear{}, DefaultPolynomial(), DefaultOneCycle(), InverseSqrt{}, MultiStep{Milestones: []Span{Share(0.5), Share(0.75)}, Gamma: 0.1},
		OneCycle{Rise: 0.5, Div: 2, FinalDiv: 2, Anneal: AnnealLinear, ThreePhases: true},
		Step{Every: Steps(3), Gamma: 0.5}, Exponential{Every: Steps(3), Gamma: 0.5},
		WSD{Decay: Share(0.3), Shape: DecaySqrt}, DefaultCosineRestarts(), DefaultPlateau(),
		Cosine{Warmup: &Warmup{Share: new(1.0)}}, Linear{Warmup: &Warmup{Share: new(0.5), Start: new(0.0)}},
		WSD{Decay: Share(1), Shape: DecayCosine, Final: 1},
	}
	for _, cfg := range some {
		for _, steps := range []int{1, 2, 3, 4, 5, 7, 100} {
			s, err := cfg.Build(2, steps)
			if err != nil {
				t.Fatalf("%+v: %v", cfg, err)
			}
			for step := range 2*steps + 2 {
				if r := s.At(step); !(r >= 0 && r <= 2) {
					t.Errorf("%+v: rate %v in step %d of %d", cfg, r, step, steps)
				}
			}
			if after := s.At(steps + 5); after > s.At(steps-1) {
				t.Errorf("%+v: rate %v in the last step of %d, %v after it", cfg, s.At(steps-1), steps, after)
			}
		}
	}
}

// A share that floating-point numbers can't hold comes to whole steps.
func TestSpan(t *testing.T) {
	for _, tc := range []struct {
		span        Span
		steps, want int
	}{{Share(0.29), 100, 29}, {Share(0.1), 2345, 234}, {Share(1), 7, 7}, {Share(0), 7, 0}, {Steps(9), 7, 9}} {
		if got := tc.span.of(tc.steps); got != tc.want {
			t.Errorf("%d of %d, want %d", got, tc.steps, tc.want)
		}
	}
}

// All problems are told, not the first.
func TestValidate(t *testing.T) {
	nan := math.NaN()
	both := &Warmup{Share: new(0.1), Steps: new(3)}
	for _, tc := range []struct {
		cfg  Config
		want []string // one for each problem
	}{
		{Constant{both}, []string{"warmup wants either a share of the run or a number of steps"}},
		{Constant{&Warmup{}}, []string{"warmup wants either"}},
		{Cosine{Final: -1, Warmup: &Warmup{Share: new(2.0), Start: new(nan)}}, []string{"final must be in 0..1, got -1", "warmup: share must be", "warmup: start must be"}},
		{Linear{Final: nan, Warmup: &Warmup{Steps: new(-1)}}, []string{"final must be", "warmup: steps must not be negative"}},
		{Polynomial{Final: 2}, []string{"final must be", "power must be"}},
		{Step{}, []string{"every wants either", "gamma must be"}},
		{Exponential{Every: Steps(1), Gamma: math.Inf(1)}, []string{"gamma must be"}},
		{MultiStep{}, []string{"gamma must be", "milestones must name at least one"}},
		{MultiStep{Gamma: 1, Milestones: []Span{Steps(1), {}}}, []string{"milestones.1 wants either"}},
		{InverseSqrt{Timescale: new(0)}, []string{"timescale must be"}},
		{CosineRestarts{Final: 3}, []string{"final must be", "cycles must be", "growth must be"}},
		{OneCycle{}, []string{`anneal: there is no ""; there are cosine and linear`, "rise must be", "div must be", "final_div must be"}},
		{OneCycle{Rise: 0.6, Div: 1, FinalDiv: 1, Anneal: AnnealLinear, ThreePhases: true}, []string{"rise must be at most 0.5"}},
		{WSD{Shape: "square", Final: 2}, []string{"decay wants either", `shape: there is no "square"`, "final must be"}},
		{Plateau{Metric: new(""), Factor: 1, Patience: -1, Threshold: 1, Cooldown: -1, Final: -1, Eps: nan},
			[]string{"final must", "factor must", "patience must", "threshold must", "cooldown must", "eps must", "metric must"}},
	} {
		err := tc.cfg.Validate()
		if err == nil {
			t.Errorf("%+v is valid", tc.cfg)
			continue
		}
		if n := strings.Count(err.Error(), "\n") + 1; n != len(tc.want) {
			t.Errorf("%+v has %d problems, want %d:\n%v", tc.cfg, n, len(tc.want), err)
		}
		for _, want := range tc.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%+v lacks %q:\n%v", tc.cfg, want, err)
			}
		}
		if _, err := tc.cfg.Build(1, 10); err == nil {
			t.Errorf("%+v is built", tc.cfg)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	long := &Warmup{Steps: new(11)}
	for _, tc := range []struct {
		cfg   Config
		lr    float64
		steps int
		want  string
	}{
		{Constant{}, -1, 10, "rate must be a finite number"},
		{Cosine{}, math.Inf(1), 10, "rate must be"},
		{DefaultOneCycle(), 1, 0, "at least one step, got 0"},
		{Linear{Warmup: long}, 1, 10, "warmup of 11 steps is longer than the run of 10"},
		{Plateau{Factor: 0.1, Warmup: long}, 1, 10, "warmup of 11 steps"},
		{Step{Every: Share(0.01), Gamma: 0.1}, 1, 10, "every must be at least one step, and is 0 in a run of 10"},
		{WSD{Decay: Steps(8), Shape: DecayLinear, Warmup: &Warmup{Steps: new(3)}}, 1, 10, "a warm-up of 3 steps and a decay of 8"},
		{MultiStep{Milestones: []Span{Steps(2)}, Gamma: 0.1, Warmup: &Warmup{Steps: new(3)}}, 1, 10, "milestones.0: step 2 lies in the warm-up of 3"},
	} {
		if _, err := tc.cfg.Build(tc.lr, tc.steps); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want %q", tc.cfg, err, tc.want)
		}
	}
}

// A plateau that was saved and restored at any place goes on as if it had not
// been, through JSON too.
func TestPlateauState(t *testing.T) {
	g := moduletest.Open(t, "testdata/schedule.safetensors")
	metrics := tensor.Data[float64](g.In(t, "plateau").Tensor("in/0"))[:300]
	cfg := DefaultPlateau()
	cfg.Patience, cfg.Cooldown, cfg.Factor = 2, 3, 0.7
	build := func() Observer {
		s, err := cfg.Build(0.3, 300)
		if err != nil {
			t.Fatal(err)
		}
		return s.(Observer)
	}
	whole := build()
	parts := build()
	for i, m := range metrics {
		text, err := json.Marshal(parts.State())
		if err != nil {
			t.Fatal(err)
		}
		var state map[string]float64
		if err := json.Unmarshal(text, &state); err != nil {
			t.Fatal(err)
		}
		parts = build()
		if err := parts.Restore(state); err != nil {
			t.Fatal(err)
		}
		whole.Observe(m)
		parts.Observe(m)
		if whole.At(i) != parts.At(i) || !reflect.DeepEqual(whole.State(), parts.State()) {
			t.Fatalf("after %d: %v, restored %v", i, whole.State(), parts.State())
		}
	}
	if whole.At(300) == 0.3 {
		t.Error("the rate was never cut")
	}
	for _, bad := range []map[string]float64{
		nil, {"rate": 1}, {"rate": -1, "bad": 0, "cooling": 0}, {"rate": 1, "bad": math.NaN(), "cooling": 0}, {"rate": 1, "bad": 0, "cooling": 0, "worst": 1},
	} {
		before := whole.State()
		if err := whole.Restore(bad); err == nil {
			t.Errorf("%v is restored", bad)
		}
		if !reflect.DeepEqual(whole.State(), before) {
			t.Errorf("%v left its traces", bad)
		}
	}
	if m := build().Metric(); m != "loss" {
		t.Errorf("follows %q", m)
	}
}

// The rate rises before it follows the metric.
func TestPlateauWarmup(t *testing.T) {
	cfg := DefaultPlateau()
	cfg.Warmup = &Warmup{Steps: new(4)}
	cfg.Metric, cfg.Maximize = new("accuracy"), true
	s, err := cfg.Build(1, 10)
	if err != nil {
		t.Fatal(err)
	}
	for step, want := range []float64{0.25, 0.5, 0.75, 1, 1} {
		if got := s.At(step); got != want {
			t.Errorf("rate %v in step %d, want %v", got, step, want)
		}
	}
	if m := s.(Observer).Metric(); m != "accuracy" {
		t.Errorf("follows %q", m)
	}
}

// Schedules as recipes have them.
func TestSettings(t *testing.T) {
	kinds := config.Kinds{reflect.TypeFor[Config](): Kinds()}
	read := func(text string) (Config, error) {
		var section struct{ Schedule Config }
		err := config.Decode([]byte("schedule: "+text), "recipe.yaml", &section, kinds)
		return section.Schedule, err
	}
	for text, want := range map[string]Config{
		"constant": Constant{},
		"{type: cosine, final: 0.1, warmup: {share: 0.1}}":               Cosine{Final: 0.1, Warmup: &Warmup{Share: new(0.1)}},
		"{type: multi_step, milestones: [{share: 0.5}, {steps: 9}]}":     MultiStep{Milestones: []Span{Share(0.5), Steps(9)}, Gamma: 0.1},
		"{type: wsd, decay: {share: 0.2}, shape: sqrt}":                  WSD{Decay: Share(0.2), Shape: DecaySqrt},
		"{type: plateau, metric: accuracy, maximize: true, patience: 3}": Plateau{Metric: new("accuracy"), Maximize: true, Factor: 0.1, Patience: 3, Threshold: 1e-4, Eps: 1e-8},
		"{type: one_cycle, anneal: linear}":                              OneCycle{Rise: 0.3, Div: 25, FinalDiv: 1e4, Anneal: AnnealLinear},
	} {
		got, err := read(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", text, got, err, want)
			continue
		}
		written, err := config.Encode(struct{ Schedule Config }{got}, kinds)
		if err != nil {
			t.Fatal(err)
		}
		var again struct{ Schedule Config }
		if err := config.Decode(written, "recipe.yaml", &again, kinds); err != nil || !reflect.DeepEqual(again.Schedule, want) {
			t.Errorf("%s: written and read %+v, %v", text, again.Schedule, err)
		}
	}
	for text, want := range map[string]string{
		"{type: wsd, shape: sqr}":               "sqrt",
		"{type: cosine, warm_up: {share: 0.1}}": "warmup",
		"{type: cosine, warmup: {shares: 0.1}}": "share",
		"{type: step, every: 10, gamma: 0.5}":   "every wants keys with values",
		"{type: consine}":                       "cosine",
	} {
		if _, err := read(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}
