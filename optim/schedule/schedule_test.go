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

// A golden is a schedule with the rates that another library gives for it.
type golden struct {
	Op     string
	LR     float64
	Config json.RawMessage
}

func goldens(t *testing.T) (*moduletest.Golden, map[string]golden) {
	t.Helper()
	g := moduletest.Open(t, "testdata/schedule.safetensors")
	var cases map[string]golden
	g.Cases(&cases)
	return g, cases
}

// Rates over 1000 steps are those of PyTorch, Transformers, Keras and torchtitan.
func TestGoldens(t *testing.T) {
	g, cases := goldens(t)
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
				if got := s.At(step); !near(got, w, tc.LR) {
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

// near allows a relative difference of 1e-12, and where a rate is near 0 what is
// left of the highest one when it is subtracted from itself.
func near(got, want, highest float64) bool {
	return math.Abs(got-want) <= 1e-12*want+1e-15*highest
}

// What anneals goes where SWALR goes.
func TestAnnealTo(t *testing.T) {
	g := moduletest.Open(t, "testdata/swalr.safetensors")
	var cases map[string]struct {
		Op           string
		LR, SWA      float64
		Start, Steps int
	}
	g.Cases(&cases)
	for name, tc := range cases {
		s, err := Exponential{Every: Steps(1), Gamma: 0.995}.Build(tc.LR, 1000)
		if err != nil {
			t.Fatal(err)
		}
		to := Anneal(tc.Op).To(tc.SWA, s, tc.Start, tc.Steps)
		for step, want := range tensor.Data[float64](g.In(t, name).Tensor("out/0")) {
			if got := to.At(step); !near(got, want, tc.LR) {
				t.Fatalf("%s: rate %v in step %d, want %v", name, got, step, want)
			}
		}
	}
	if len(cases) == 0 {
		t.Error("no cases")
	}
	plateau, err := DefaultPlateau().Build(1, 10)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := AnnealLinear.To(0.1, plateau, 5, 2).(Observer); !ok {
		t.Error("a plateau that anneals at the end does not follow its metric")
	}
}

// fromJSON sets the fields of a kind's default that a text has.
func fromJSON(t *testing.T, kind string, text []byte) Config {
	t.Helper()
	var section struct{ Schedule Config }
	var settings map[string]any
	if err := json.Unmarshal(text, &settings); err != nil {
		t.Fatal(err)
	}
	settings["type"] = kind
	whole, err := json.Marshal(map[string]any{"schedule": settings})
	if err != nil {
		t.Fatal(err)
	}
	if err := config.Decode(whole, "golden.json", &section, kinds); err != nil {
		t.Fatal(err)
	}
	return section.Schedule
}

// kinds are those that a recipe has.
var kinds = config.Kinds{reflect.TypeFor[Config](): Kinds(), reflect.TypeFor[Stage](): {{Default: DefaultStage()}}}

// A number that is not one, and a negative one where it counts something, are
// told with the setting's name, whatever the kind.
func TestEverySettingIsChecked(t *testing.T) {
	_, cases := goldens(t)
	checked := map[string]bool{}
	for _, tc := range cases {
		if checked[tc.Op] {
			continue
		}
		checked[tc.Op] = true
		good := fromJSON(t, tc.Op, tc.Config)
		typ := reflect.TypeOf(good)
		for i := range typ.NumField() {
			bad := reflect.New(typ).Elem()
			bad.Set(reflect.ValueOf(good))
			switch f := bad.Field(i); f.Interface().(type) {
			case float64:
				f.SetFloat(math.NaN())
			case *float64:
				f.Set(reflect.ValueOf(new(math.NaN())))
			case int:
				f.SetInt(-1)
			case *int:
				f.Set(reflect.ValueOf(new(-1)))
			case Span, *Span:
				wrong := Span{Share: new(math.NaN())}
				if f.Kind() == reflect.Pointer {
					f.Set(reflect.ValueOf(&wrong))
				} else {
					f.Set(reflect.ValueOf(wrong))
				}
			case *Warmup:
				f.Set(reflect.ValueOf(&Warmup{}))
			default:
				continue
			}
			name := typ.Field(i).Tag.Get("yaml")
			if err := bad.Interface().(Config).Validate(); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: a wrong %s gives %v", tc.Op, name, err)
			}
		}
	}
}

// Rates stay finite and within what the schedule promises, for runs of any
// length that they can be built for.
func TestEveryGoldenOfEveryLength(t *testing.T) {
	_, cases := goldens(t)
	for name, tc := range cases {
		cfg := fromJSON(t, tc.Op, tc.Config)
		for _, steps := range []int{1, 2, 3, 4, 5, 7, 100, 999, 1001} {
			s, err := cfg.Build(2, steps)
			if err != nil {
				if steps >= 999 {
					t.Errorf("%s: %v", name, err)
				}
				continue // its spans have more steps
			}
			for step := range 2*steps + 2 {
				if r := s.At(step); !(r >= 0 && r <= 2) {
					t.Errorf("%s: rate %v in step %d of %d", name, r, step, steps)
				}
			}
		}
	}
}

// What says that it does without the length of the run has the same rates
// whatever that is.
func TestEndless(t *testing.T) {
	_, cases := goldens(t)
	some := 0
	for name, tc := range cases {
		cfg := fromJSON(t, tc.Op, tc.Config)
		if !Endless(cfg) {
			continue
		}
		some++
		a, errA := cfg.Build(1, 1000)
		b, errB := cfg.Build(1, 1<<31-1)
		if errA != nil || errB != nil {
			t.Errorf("%s: %v, %v", name, errA, errB)
			continue
		}
		for step := range 1000 {
			if a.At(step) != b.At(step) {
				t.Errorf("%s says that it does without the length of the run, and its rate in step %d depends on that", name, step)
				break
			}
		}
	}
	if some < 10 {
		t.Errorf("only %d do without the length of the run", some)
	}
}

// Rates come to an end, and stay there.
func TestAfterTheRun(t *testing.T) {
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
		{CosineRestarts{Final: 3}, []string{"final must be", "cycles must be", "growth must be", "peak must be"}},
		{Cosine{Cycles: new(0.0), Final: 2}, []string{"final must be", "cycles must be"}},
		{Constant{&Warmup{Steps: new(3), Shape: new(DecayShape("square"))}}, []string{`warmup: shape: there is no "square"`}},
		{Polynomial{Power: 1, Cycle: &Span{}}, []string{"cycle wants either"}},
		{InverseTime{}, []string{"every wants either", "rate must be"}},
		{PiecewiseConstant{}, []string{"milestones must name at least one", "factors must be one more than there are milestones, 1, got 0"}},
		{PiecewiseConstant{Milestones: []Span{{}}, Factors: []float64{1, 0}}, []string{"milestones.0 wants either", "factors.1 must be"}},
		{Cyclic{Low: -1, Gamma: 2, Down: &Span{}}, []string{"low must be", "up wants either", "down wants either", `height: there is no ""`, "gamma is of exponential heights"}},
		{Cyclic{Up: Steps(1), Height: CycleExponential, Gamma: 2}, []string{"gamma must be at most 1"}},
		{Sequential{}, []string{"stages must name at least one"}},
		{Sequential{[]Stage{{}, {Scale: 1, Share: new(2.0), Schedule: DefaultPlateau()}}},
			[]string{"stages.0 wants either", "stages.0.scale must be", "stages.0.schedule is missing", "stages.1: share must be", "stages.1.schedule follows a metric"}},
		{Sequential{[]Stage{{Scale: 1, Schedule: Polynomial{Final: 2}}}}, []string{"stages.0.schedule: final must", "stages.0.schedule: power must"}},
		{Chained{}, []string{"schedules must name at least one"}},
		{Chained{[]Config{nil, DefaultGreedy(), Cosine{Final: 2}}}, []string{"schedules.0 is missing", "schedules.1 follows a metric", "schedules.2: final must be"}},
		{Greedy{Metric: new(""), Factor: 1, Patience: -1, Threshold: 1, Relative: true, Cooldown: -1, Settle: -1, Final: -1, Eps: nan, Window: new(0)},
			[]string{"final must", "factor must", "patience must", "threshold must", "cooldown must", "settle must", "ceiling must", "eps must", "metric must", "reset must", "window must"}},
		{Plateau{Factor: 0.1, Absolute: true, Threshold: -1}, []string{"threshold must be a finite number"}},
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
		{Polynomial{Power: 1, Cycle: &Span{Steps: new(0)}}, 1, 10, "cycle must be at least one step"},
		{CosineRestarts{Cycles: 1, Growth: 1, Peak: 1, First: &Span{Share: new(0.01)}}, 1, 10, "first must be at least one step"},
		{Cyclic{Up: Share(0.01), Height: CycleEqual, Gamma: 1}, 1, 10, "up and down must be at least one step"},
		{PiecewiseConstant{Milestones: []Span{Steps(5), Share(0.1)}, Factors: []float64{1, 1, 1}}, 1, 10, "milestones.1: step 1 comes before the milestone before it, step 5"},
		{Sequential{[]Stage{{Scale: 1, Steps: new(10), Schedule: Cosine{}}, {Scale: 1, Schedule: Linear{}}}}, 1, 10, "stages.1 must have at least one step, and has 0"},
		{Sequential{[]Stage{{Scale: 1, Steps: new(4), Schedule: Linear{Warmup: long}}}}, 1, 10, "stages.0: schedule: warmup of 11 steps is longer than the run of 4"},
		{Chained{[]Config{Linear{Warmup: long}}}, 1, 10, "schedules.0: schedule: warmup of 11"},
		{WSD{Decay: Steps(8), Shape: DecayLinear, Warmup: &Warmup{Steps: new(3)}}, 1, 10, "a warm-up of 3 steps and a decay of 8"},
		{MultiStep{Milestones: []Span{Steps(2)}, Gamma: 0.1, Warmup: &Warmup{Steps: new(3)}}, 1, 10, "milestones.0: step 2 lies in the warm-up of 3"},
	} {
		if _, err := tc.cfg.Build(tc.lr, tc.steps); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want %q", tc.cfg, err, tc.want)
		}
	}
}

// What follows a metric and was saved and restored at any place goes on as if it
// had not been, through JSON too.
func TestObserversState(t *testing.T) {
	g := moduletest.Open(t, "testdata/schedule.safetensors")
	metrics := tensor.Data[float64](g.In(t, "plateau").Tensor("in/0"))[:300]
	plateau, greedy, smooth := DefaultPlateau(), DefaultGreedy(), DefaultGreedy()
	plateau.Patience, plateau.Cooldown, plateau.Factor = 2, 3, 0.7
	greedy.Patience, greedy.Cooldown, greedy.Settle, greedy.Final, greedy.Reset = 2, 3, 1, 0.5, 2
	smooth.Patience, smooth.Window = 2, new(5)
	for _, cfg := range []Config{plateau, greedy, smooth} {
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
				t.Fatalf("%T after %d: %v, restored %v", cfg, i, whole.State(), parts.State())
			}
		}
		if whole.At(300) == 0.3 {
			t.Errorf("%T: the rate never changed", cfg)
		}
		worse := whole.State()
		worse["worst"] = 1
		less := whole.State()
		delete(less, "bad")
		nan := whole.State()
		nan["bad"] = math.NaN()
		for _, bad := range []map[string]float64{nil, {"rate": 1}, worse, less, nan} {
			before := whole.State()
			if err := whole.Restore(bad); err == nil {
				t.Errorf("%T: %v is restored", cfg, bad)
			}
			if !reflect.DeepEqual(whole.State(), before) {
				t.Errorf("%T: %v left its traces", cfg, bad)
			}
		}
		if m := build().Metric(); m != "loss" {
			t.Errorf("%T follows %q", cfg, m)
		}
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
		"{type: sequential, stages: [{steps: 9, schedule: constant}, {scale: 0.5, schedule: {type: chained, schedules: [cosine, linear]}}]}": Sequential{[]Stage{
			{Steps: new(9), Scale: 1, Schedule: Constant{}}, {Scale: 0.5, Schedule: Chained{[]Config{Cosine{}, Linear{}}}}}},
		"{type: one_cycle, anneal: linear}": OneCycle{Rise: 0.3, Div: 25, FinalDiv: 1e4, Anneal: AnnealLinear},
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
