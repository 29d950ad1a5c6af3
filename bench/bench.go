// Package bench measures fixed workloads: training steps on one random batch,
// and forward passes of one sample, float32, with the data in memory. The same steps in other programs give
// figures to compare with.
package bench

import (
	"context"
	"fmt"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/internal/machine"
)

// A Workload is a step to measure.
type Workload struct {
	Name string
	// Flops is the arithmetic of one step in floating-point operations: the
	// products and convolutions of forward and backward pass alone, a
	// multiply-add being two.
	Flops int64
	build func(b *cpu.Backend) (*Step, error)
}

// Core lists the workloads that are measured where nothing is said.
func Core() []Workload { return []Workload{square(1024), MLP(), CNN(), ResNet20(), LSTM(), GPT()} }

// All lists the workloads: those of [Core], then the wider set. There
// are also matrix products of other sizes, see [Matmul], and the steps of
// optimizers alone, see [Update].
func All() []Workload {
	return append(Core(), ResNet50(), MobileNet(), BERT(), GPT512(), GRU(), Wide(), ResNet50Infer(), BERTInfer(), MLPInfer())
}

// Names lists the names of the workloads.
func Names() []string {
	var names []string
	for _, w := range All() {
		names = append(names, w.Name)
	}
	return names
}

// Find returns the workload of a name: one of All, a matrix product, or the
// update of an optimizer.
func Find(name string) (Workload, bool) {
	for _, w := range All() {
		if w.Name == name {
			return w, true
		}
	}
	if w, ok := findUpdate(name); ok {
		return w, true
	}
	return findProduct(name)
}

// A Result is what was measured of one workload.
type Result struct {
	Workload   string   `json:"workload"`
	Threads    int      `json:"threads"`
	ISA        string   `json:"isa"`
	MedianMS   float64  `json:"median_ms"` // milliseconds a step
	P10MS      float64  `json:"p10_ms"`
	P90MS      float64  `json:"p90_ms"`
	GFLOPS     float64  `json:"gflops"`      // 1e9 operations a second, at the median
	Efficiency float64  `json:"efficiency"`  // GFLOPS over the best of any large product
	PeakGFLOPS float64  `json:"peak_gflops"` // see Peak; measured next to the workload
	FirstMS    float64  `json:"first_ms"`    // until its first step was done, see Session.Run
	FirstLoss  *float64 `json:"first_loss"`  // nats; null where nothing is trained
	LastLoss   *float64 `json:"last_loss"`
	PeakBytes  int64    `json:"peak_bytes"` // the most memory that the process held meanwhile

	// Of an update: 1e9 bytes that it must read or write a second, and those that
	// the memory moves at best, see Bandwidth; measured next to it.
	GBPS       float64 `json:"gbps,omitempty"`
	MemoryGBPS float64 `json:"memory_gbps,omitempty"`

	firstDone time.Time
}

// Steps before the measurement, and the least and most steps in it.
const (
	warmSteps = 5
	minSteps  = 5
	maxSteps  = 3000
)

// A Session measures workloads under the same conditions.
type Session struct {
	Threads int
	Set     *kernel.Set
	Seconds float64 // how long to measure a workload

	rate  float64   // best of the large products so far, operations a second
	rated bool      // Rate has measured its products
	since time.Time // when the last workload ended
}

// Rate is the best rate, in operations a second, that a product of at least
// 512x512x512 has reached in this session. The first call measures 512 and 1024.
func (s *Session) Rate(ctx context.Context) (float64, error) {
	if !s.rated {
		for _, n := range []int{512, 1024} {
			if _, err := s.measure(ctx, square(n), s.Seconds/4); err != nil {
				return 0, err
			}
		}
		s.rated = true
	}
	return s.rate, nil
}

// Run measures one workload. The first of a session comes before anything
// else: its first step is timed from the start of the process, those of others
// from the end of the workload before.
func (s *Session) Run(ctx context.Context, w Workload) (Result, error) {
	since := s.since
	if since.IsZero() {
		since = machine.Started()
	}
	r, err := s.measure(ctx, w, s.Seconds)
	if err != nil {
		return Result{}, fmt.Errorf("bench: %s: %w", w.Name, err)
	}
	r.FirstMS = 1e3 * r.firstDone.Sub(since).Seconds()
	r.PeakGFLOPS = Peak(s.Set, s.Threads) / 1e9
	if r.GBPS > 0 {
		memory, err := Bandwidth(s.Set, s.Threads)
		if err != nil {
			return Result{}, fmt.Errorf("bench: %s: %w", w.Name, err)
		}
		r.MemoryGBPS = memory / 1e9
	}
	rate, err := s.Rate(ctx)
	if err != nil {
		return Result{}, err
	}
	r.Efficiency = r.GFLOPS * 1e9 / rate
	s.since = time.Now()
	return r, nil
}

// measure runs a workload for a time. What compares it with others is left out.
func (s *Session) measure(ctx context.Context, w Workload, seconds float64) (Result, error) {
	debug.FreeOSMemory()
	machine.ResetPeak()
	b := cpu.New(cpu.WithThreads(s.Threads), cpu.WithSet(s.Set))
	defer b.Close()
	step, err := w.build(b)
	if err != nil {
		return Result{}, err
	}
	first, err := step.Run(ctx)
	firstDone := time.Now()
	for range warmSteps {
		if err == nil {
			_, err = step.Run(ctx)
		}
	}
	last := first
	var took []float64
	for begin := time.Now(); err == nil && len(took) < maxSteps &&
		(len(took) < minSteps || time.Since(begin).Seconds() < seconds); {
		t := time.Now()
		last, err = step.Run(ctx)
		took = append(took, time.Since(t).Seconds())
	}
	if err != nil {
		return Result{}, err
	}
	slices.Sort(took)
	r := Result{
		Workload: w.Name, Threads: s.Threads, ISA: s.Set.Name,
		MedianMS: 1e3 * quantile(took, 0.5), P10MS: 1e3 * quantile(took, 0.1), P90MS: 1e3 * quantile(took, 0.9),
		GFLOPS: float64(w.Flops) / quantile(took, 0.5) / 1e9, GBPS: float64(step.bytes) / quantile(took, 0.5) / 1e9,
		FirstLoss: number(first), LastLoss: number(last), PeakBytes: machine.PeakBytes(), firstDone: firstDone,
	}
	if w.measures() {
		s.rate = max(s.rate, r.GFLOPS*1e9)
	}
	return r, nil
}

// profileRuns is how many steps a profile takes the mean of.
const profileRuns = 20

// Profile measures the kernels of a workload.
func (s *Session) Profile(ctx context.Context, w Workload) (*exec.Profile, error) {
	b := cpu.New(cpu.WithThreads(s.Threads), cpu.WithSet(s.Set))
	defer b.Close()
	step, err := w.build(b)
	if err != nil {
		return nil, err
	}
	for range warmSteps {
		if _, err := step.Run(ctx); err != nil {
			return nil, err
		}
	}
	return step.fn.Profile(ctx, profileRuns, step.in...)
}

// quantile returns the element at a share q of the way through a sorted list.
func quantile(sorted []float64, q float64) float64 {
	return sorted[int(q*float64(len(sorted)-1)+0.5)]
}

// number is nil for a loss that does not exist or is no number, which JSON
// can't hold.
func number(v float64) *float64 {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return nil
	}
	return &v
}
