package engine

import (
	"fmt"
	"math"
	"testing"
)

// listed is a model with a version for each weight, all of them ready.
func listed(weights ...float64) *model {
	m := &model{name: "m"}
	for i, w := range weights {
		m.insert(&place{spec: Spec{Name: "m", Version: fmt.Sprint(i + 1)}, weight: w, state: Ready, generation: 1})
	}
	return m
}

// shares counts what versions get of n requests, whose keys are made by key.
func shares(t *testing.T, m *model, n int, key func(i int) string) map[string]int {
	t.Helper()
	got := map[string]int{}
	for i := range n {
		p, err := m.choose("m", "", key(i))
		if err != nil {
			t.Fatal(err)
		}
		got[p.spec.Version]++
	}
	return got
}

// TestWeights: of any run of requests a version gets its share to within one.
func TestWeights(t *testing.T) {
	weights := []float64{5, 0, 1, 0.5}
	m := listed(weights...)
	for n := range 200 {
		got := map[string]int{}
		for range n {
			p, _ := m.choose("m", "", "")
			got[p.spec.Version]++
		}
		for i, w := range weights {
			want := float64(n) * w / 6.5
			if v := fmt.Sprint(i + 1); math.Abs(float64(got[v])-want) > 1 {
				t.Fatalf("of %d requests version %s got %d, want %.2f", n, v, got[v], want)
			}
		}
	}
	if got := shares(t, listed(weights...), 6500, func(int) string { return "" }); got["1"] != 5000 || got["3"] != 1000 || got["4"] != 500 {
		t.Errorf("of 6500 requests: %v", got)
	}
	m = listed(weights...)
	m.places[0].state = Failed
	if got := shares(t, m, 300, func(int) string { return "" }); got["1"] > 0 || got["3"]+got["4"] != 300 || got["3"] != 200 {
		t.Errorf("without version 1: %v", got)
	}
}

// TestSticky: a key stays with its version, keys are spread by weights (Pearson's
// test at a thousandth), and a change of weights moves no key between versions
// whose weights stay.
func TestSticky(t *testing.T) {
	const n = 20000
	key := func(i int) string { return fmt.Sprintf("user-%d", i) }
	m := listed(5, 3, 2)
	before := map[string]string{}
	got := map[string]int{}
	for i := range n {
		p, _ := m.choose("m", "", key(i))
		again, _ := m.choose("m", "", key(i))
		if p != again {
			t.Fatalf("key %d meets version %s, then %s", i, p.spec.Version, again.spec.Version)
		}
		before[key(i)] = p.spec.Version
		got[p.spec.Version]++
	}
	chi := 0.0
	for v, share := range map[string]float64{"1": 0.5, "2": 0.3, "3": 0.2} {
		d := float64(got[v]) - n*share
		chi += d * d / (n * share)
	}
	if chi > 13.82 { // two degrees of freedom
		t.Errorf("chi-square %.1f: %v", chi, got)
	}
	m.places[2].weight = 4
	for i := range n {
		p, _ := m.choose("m", "", key(i))
		if was := before[key(i)]; p.spec.Version != was && p.spec.Version != "3" {
			t.Fatalf("key %d moved from version %s to %s", i, was, p.spec.Version)
		}
	}
	// The hash is a contract between servers.
	if u := uniform("user-1", "1"); u != 0.15838960514296235 {
		t.Errorf("uniform: %v", u)
	}
}

// TestNames: without weights the highest number answers, by number and not by
// text; a label, a number and what is unknown.
func TestNames(t *testing.T) {
	m := &model{name: "m"}
	for _, v := range []string{"9", "10", "2"} {
		m.insert(&place{spec: Spec{Name: "m", Version: v}, state: Ready, generation: 1})
	}
	m.setLabels(map[string]string{"stable": "9", "old": "2", "canary": "10"})
	check := func(want, version string) {
		t.Helper()
		p, err := m.choose("m", want, "")
		switch {
		case version == "":
			if err == nil || AsError(err).Code != NotFound {
				t.Errorf("%q: %v", want, err)
			}
		case err != nil || p.spec.Version != version:
			t.Errorf("%q: %v %v, want %s", want, p, err, version)
		}
	}
	check("", "10")
	check("stable", "9")
	check("canary", "10")
	check("2", "2")
	check("3", "")
	check("STABLE", "")
	m.places[2].state = Failed
	check("", "9")
	check("10", "10") // and is not ready
	m.setLabels(map[string]string{"stable": "2"})
	check("stable", "2")
	check("old", "")
	var none *model
	if _, err := none.choose("m", "", ""); AsError(err).Code != NotFound {
		t.Errorf("no model: %v", err)
	}
}

// TestSpecs are refused.
func TestSpecs(t *testing.T) {
	for _, s := range []Spec{
		{Name: "", Version: "1"}, {Name: "a/b", Version: "1"}, {Name: "a\x00", Version: "1"}, {Name: "a:b", Version: "1"},
		{Name: "m", Version: ""}, {Name: "m", Version: "01"}, {Name: "m", Version: "-1"}, {Name: "m", Version: "1.5"}, {Name: "m", Version: "99999999999999999999"},
		{Name: "m", Version: "1", Labels: []string{"1"}}, {Name: "m", Version: "1", Labels: []string{""}}, {Name: "m", Version: "1", Labels: []string{"a/b"}},
		{Name: "m", Version: "1", Weight: -1}, {Name: "m", Version: "1", Weight: math.NaN()}, {Name: "m", Version: "1", Weight: math.Inf(1)},
	} {
		if err := s.validate(); err == nil {
			t.Errorf("%+v is taken", s)
		}
	}
	if err := (Spec{Name: "a model", Version: "1", Labels: []string{"stable", "v1.5"}, Weight: 0.5}).validate(); err != nil {
		t.Error(err)
	}
}

// TestProblemNamesNoOther: a client whose key is good for one model learns of no
// other that takes the memory.
func TestProblemNamesNoOther(t *testing.T) {
	err := &memoryError{name: "a", version: "1", need: 1 << 20, used: 3 << 20, budget: 4 << 20, parts: ", most of it by model secret version 1: 3.0 MiB"}
	want := "model a version 1 needs 1.0 MiB, and of 4.0 MiB that all models may need 3.0 MiB are in use"
	if got := problem(err); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if want += err.parts; err.Error() != want {
		t.Errorf("the log has %q, want %q", err, want)
	}
}
