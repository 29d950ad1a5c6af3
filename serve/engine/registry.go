package engine

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// A model is a name and its versions. Its methods are called with the engine's
// lock held; those that look something up take nil for a name that is unknown.
type model struct {
	name   string
	places []*place // by number
}

// A place is a version as it is listed, whether it is loaded or not.
type place struct {
	spec      Spec // of what is loaded, but for weight and labels
	weight    float64
	labels    []string
	state     State
	problem   string
	version   *version // what answers; nil unless the state is Ready
	signature Signature
	gone      bool // no longer listed
	load      *load

	generation, failures, evictions int
	loadedAt                        time.Time
	used                            int64   // the engine's clock at the last request
	credit                          float64 // what it is owed of the requests without a version

	tried   string // the fingerprint of the files that the last load read
	loaded  string // that of the files that the last good load read,
	bytes   int64  // and the memory that it needed
	pending string // that of files which differ from those tried, and may be changing still
}

// validate looks for what would make a version that can't be asked for.
func (s Spec) validate() error {
	if s.Name == "" || len(s.Name) > 200 || strings.ContainsFunc(s.Name, func(r rune) bool {
		return r == '/' || r == ':' || r == unicode.ReplacementChar || !unicode.IsPrint(r)
	}) {
		return fmt.Errorf("engine: a model's name has 1 to 200 bytes, without / and :, got %q", s.Name)
	}
	if n, err := strconv.ParseInt(s.Version, 10, 64); err != nil || n < 0 || strconv.FormatInt(n, 10) != s.Version {
		return fmt.Errorf("engine: model %s: a version is a number such as 1, got %q", s.Name, s.Version)
	}
	for _, l := range s.Labels {
		if err := checkLabel(l); err != nil {
			return fmt.Errorf("engine: model %s version %s: %w", s.Name, s.Version, err)
		}
	}
	if err := checkWeight(s.Weight); err != nil {
		return fmt.Errorf("engine: model %s version %s: %w", s.Name, s.Version, err)
	}
	return nil
}

// checkLabel refuses what could be taken for a number or for a part of a path.
func checkLabel(l string) error {
	letter := func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
	ok := l != "" && len(l) <= 128 && letter(l[0])
	for _, c := range []byte(l) {
		ok = ok && (letter(c) || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.')
	}
	if !ok {
		return Errorf(Invalid, "a label has up to 128 letters, digits and . _ -, a letter first, got %.150q", l)
	}
	return nil
}

func checkWeight(w float64) error {
	if w >= 0 && !math.IsInf(w, 1) {
		return nil
	}
	return Errorf(Invalid, "a weight is a number from 0, got %v", w)
}

// number is the version's.
func (p *place) number() int64 {
	n, _ := strconv.ParseInt(p.spec.Version, 10, 64)
	return n
}

// ready tells whether it answers requests, perhaps after loading.
func (p *place) ready() bool {
	return p.state != Loading && p.state != Failed
}

func notFound(name string) error { return Errorf(NotFound, "there is no model %.200q", name) }

func errDraining() error {
	return &Error{Code: Unavailable, Message: "the server is going down", Retry: time.Second}
}

// known is the name of a model if the engine has it, and "" otherwise.
func (e *Engine) known(name string) string {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.models[name] == nil {
		return ""
	}
	return name
}

// place is the version of a number, or nil.
func (m *model) place(number string) *place {
	for _, p := range m.places {
		if p.spec.Version == number {
			return p
		}
	}
	return nil
}

// insert keeps versions in the order of their numbers.
func (m *model) insert(p *place) {
	m.places = append(m.places, p)
	slices.SortStableFunc(m.places, func(a, b *place) int { return int(a.number() - b.number()) })
}

// remove takes a version off the list.
func (m *model) remove(p *place) {
	p.gone = true
	m.places = slices.DeleteFunc(m.places, func(q *place) bool { return q == p })
}

// find is the version of a number or of a label.
func (m *model) find(name, want string) (*place, error) {
	if m == nil {
		return nil, notFound(name)
	}
	if p := m.place(want); p != nil {
		return p, nil
	}
	for _, p := range m.places {
		if slices.Contains(p.labels, want) {
			return p, nil
		}
	}
	return nil, Errorf(NotFound, "model %s has no version or label %.100q", name, want)
}

// choose is the version for a request: the one that it names; or one of those
// that are ready, by their weights; or that of the highest number where there
// are no weights.
func (m *model) choose(name, want, key string) (*place, error) {
	if m == nil || want != "" {
		return m.find(name, want)
	}
	if !m.weighted() {
		return m.highest(), nil
	}
	var ready []*place
	for _, p := range m.places {
		if p.weight > 0 && p.ready() {
			ready = append(ready, p)
		}
	}
	switch {
	case len(ready) == 0:
		return m.likely(), nil
	case key != "":
		return sticky(ready, key), nil
	}
	return next(ready), nil
}

// weighted tells whether any version has a weight.
func (m *model) weighted() bool {
	return slices.ContainsFunc(m.places, func(p *place) bool { return p.weight > 0 })
}

// highest is the version of the highest number that is ready, or else that of
// the highest number.
func (m *model) highest() *place {
	for _, p := range slices.Backward(m.places) {
		if p.ready() {
			return p
		}
	}
	return m.places[len(m.places)-1]
}

// likely is the version that gets most of the requests without a version.
func (m *model) likely() *place {
	if !m.weighted() {
		return m.highest()
	}
	var best *place
	for _, p := range m.places {
		if p.weight > 0 && (best == nil || p.ready() && !best.ready() || p.ready() == best.ready() && p.weight >= best.weight) {
			best = p
		}
	}
	return best
}

// next is the smooth weighted round robin of nginx: everyone is given its
// weight, and who is owed most answers, and pays the sum of all weights. Of any
// run of requests each version gets its share to within one request.
func next(ready []*place) *place {
	total, best := 0.0, ready[0]
	for _, p := range ready {
		p.credit += p.weight
		total += p.weight
		if p.credit > best.credit {
			best = p
		}
	}
	best.credit -= total
	return best
}

// sticky is weighted rendezvous hashing: the version whose -ln(u)/w is least,
// u in (0, 1) being a hash of key and version. A key changes its version only
// where weights must move it, on every server alike. Schindelhauer and
// Schomaker, Weighted distributed hash tables, SPAA 2005.
func sticky(ready []*place, key string) *place {
	var best *place
	least := math.Inf(1)
	for _, p := range ready {
		if d := -math.Log(uniform(key, p.spec.Version)) / p.weight; best == nil || d < least {
			best, least = p, d
		}
	}
	return best
}

// uniform hashes into (0, 1): FNV-1a, and the finalizer of MurmurHash3, since
// the high bits of FNV of short texts are not spread enough.
func uniform(key, version string) float64 {
	h := uint64(14695981039346656037)
	for _, s := range [...]string{key, "\x00", version} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return (float64(h>>11) + 0.5) / (1 << 53)
}

// free tells whether labels may belong to a version: no other one has them.
func (m *model) free(labels []string, number string) error {
	for _, p := range m.places {
		for _, l := range labels {
			if p.spec.Version != number && slices.Contains(p.labels, l) {
				return fmt.Errorf("engine: model %s: label %s belongs to version %s", m.name, l, p.spec.Version)
			}
		}
	}
	return nil
}

// setLabels gives every version its labels out of all of the model's.
func (m *model) setLabels(labels map[string]string) {
	for _, p := range m.places {
		p.labels = nil
	}
	for _, l := range slices.Sorted(maps.Keys(labels)) {
		p := m.place(labels[l])
		p.labels = append(p.labels, l)
	}
}

// sorted lists models by name.
func sorted(models map[string]*model) []*model {
	var list []*model
	for _, name := range slices.Sorted(maps.Keys(models)) {
		list = append(list, models[name])
	}
	return list
}

// info tells of a version.
func (e *Engine) info(m *model, p *place) *Info {
	i := &Info{
		Name: m.name, Version: p.spec.Version, Labels: slices.Clone(p.labels), Weight: p.weight,
		State: p.state, Ready: p.ready() && !e.draining, Problem: p.problem, Signature: p.signature,
		Generation: p.generation, LoadedAt: p.loadedAt, Failures: p.failures, Evictions: p.evictions,
	}
	if v := p.version; v != nil {
		i.Bytes, i.Requests, i.Waiting = v.bytes, v.leases, v.runner.waiting()
	}
	if e.draining && i.State == Ready {
		i.State = Draining
	}
	return i
}
