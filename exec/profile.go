package exec

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/tensor"
)

// A Profile is where the time of a step goes, by kernel, and its memory.
// [Profile.WriteTable] sums it up by op and by module; [Profile.WriteTrace]
// writes every kernel of every run for a viewer.
type Profile struct {
	Kernels []KernelTime
	Held    []backend.Held // what the plan holds besides variables and arguments
	Plan    Plan
	Wall    time.Duration // mean time of a run, copying arguments and outputs included
	runs    [][]backend.Span
	starts  []time.Duration
}

// KernelTime is a kernel with its mean time in a run.
type KernelTime struct {
	backend.Kernel
	Time time.Duration
}

// Profile runs the step a number of times, as Run does, and measures each of
// its kernels. The first run compiles, and is not measured.
func (f *Func) Profile(ctx context.Context, runs int, in ...*tensor.Tensor) (*Profile, error) {
	if runs < 1 {
		return nil, fmt.Errorf("exec: a profile of %d runs", runs)
	}
	if _, err := f.Run(ctx, in...); err != nil {
		return nil, err
	}
	c := f.cache[0]
	exe, ok := c.exe.(backend.Profiler)
	if !ok {
		return nil, errors.New("exec: this backend can't measure its kernels")
	}
	p := &Profile{Held: exe.Memory(), Plan: c.plan}
	for _, k := range exe.Kernels() {
		p.Kernels = append(p.Kernels, KernelTime{Kernel: k})
	}
	begin := time.Now()
	for range runs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		spans := make([]backend.Span, len(p.Kernels))
		start := time.Now()
		if err := exe.Profile(c.vars, in, c.out, spans); err != nil {
			return nil, err
		}
		p.Wall += time.Since(start)
		p.runs = append(p.runs, spans)
		p.starts = append(p.starts, start.Sub(begin))
		for i, s := range spans {
			p.Kernels[i].Time += s.End - s.Start
		}
	}
	p.Wall /= time.Duration(runs)
	for i := range p.Kernels {
		p.Kernels[i].Time /= time.Duration(runs)
	}
	return p, nil
}

// A Line is the sum over kernels that have something in common.
type Line struct {
	Name              string
	Calls             int // kernels in a run
	Forward, Backward time.Duration
	Flops, Bytes      int64
}

// Time is that of both passes.
func (l Line) Time() time.Duration { return l.Forward + l.Backward }

func (l *Line) add(k KernelTime) {
	l.Calls++
	if k.Backward {
		l.Backward += k.Time
	} else {
		l.Forward += k.Time
	}
	l.Flops += k.Flops
	l.Bytes += k.Bytes
}

// ByOp sums up kernels of one op, the longest first.
func (p *Profile) ByOp() []Line {
	lines := p.sum(func(k KernelTime) []string { return []string{k.Op} })
	slices.SortStableFunc(lines, func(a, b Line) int { return cmp.Compare(b.Time(), a.Time()) })
	return lines
}

// ByModule sums up kernels of each module, those of the modules inside it
// included, in the order in which they first run. The name of the whole is "".
func (p *Profile) ByModule() []Line {
	lines := p.sum(func(k KernelTime) []string {
		names := []string{""}
		for i, r := range k.Path + "." {
			if r == '.' && i > 0 {
				names = append(names, k.Path[:i])
			}
		}
		return names
	})
	// A module comes behind the one it is in, before others that ran later.
	at := map[string]int{}
	for i, l := range lines {
		at[l.Name] = i
	}
	slices.SortStableFunc(lines, func(a, b Line) int {
		for _, pair := range pathPairs(a.Name, b.Name) {
			if c := cmp.Compare(at[pair[0]], at[pair[1]]); c != 0 {
				return c
			}
		}
		return cmp.Compare(len(a.Name), len(b.Name))
	})
	return lines
}

// pathPairs lists the prefixes of two paths, level by level, as far as both go.
func pathPairs(a, b string) (pairs [][2]string) {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		pairs = append(pairs, [2]string{strings.Join(as[:i+1], "."), strings.Join(bs[:i+1], ".")})
	}
	return pairs
}

// Peak returns the kernel during which most memory is held, and what is held
// then, the largest first.
func (p *Profile) Peak() (kernel int, held []backend.Held) {
	grows := make([]int64, len(p.Kernels)+2)
	for _, h := range p.Held {
		grows[h.First] += h.Bytes
		grows[h.Last+1] -= h.Bytes
	}
	var now, most int64
	for i, d := range grows {
		if now += d; now > most {
			most, kernel = now, i
		}
	}
	for _, h := range p.Held {
		if h.First <= kernel && kernel <= h.Last {
			held = append(held, h)
		}
	}
	slices.SortStableFunc(held, func(a, b backend.Held) int { return cmp.Compare(b.Bytes, a.Bytes) })
	return kernel, held
}

func (p *Profile) sum(names func(k KernelTime) []string) []Line {
	var lines []Line
	at := map[string]int{}
	for _, k := range p.Kernels {
		for _, name := range names(k) {
			i, ok := at[name]
			if !ok {
				i = len(lines)
				at[name] = i
				lines = append(lines, Line{Name: name})
			}
			lines[i].add(k)
		}
	}
	return lines
}

// WriteTable prints the time by op and by module: milliseconds a run in the
// forward and the backward pass, share of the whole, arithmetic and bytes with
// the rates that they were done at; and what is in memory when most is.
func (p *Profile) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	byOp, byModule := p.ByOp(), p.ByModule()
	byModule[0].Name = "all"
	width := 0
	for _, l := range append(byOp[:len(byOp):len(byOp)], byModule...) {
		width = max(width, len(l.Name))
	}
	head := func(name string) {
		fmt.Fprintf(t, "%-*s\tcalls\tforward ms\tbackward ms\tshare\tGFLOP\tGFLOP/s\tMB\tGB/s\t\n", width, name)
	}
	line := func(l Line) {
		s := l.Time().Seconds()
		fmt.Fprintf(t, "%-*s\t%d\t%.3f\t%.3f\t%.1f%%\t%.3f\t%s\t%.2f\t%s\t\n", width, l.Name, l.Calls, ms(l.Forward), ms(l.Backward),
			100*s/max(p.Wall.Seconds(), 1e-12), float64(l.Flops)/1e9, rate(l.Flops, s), float64(l.Bytes)/1e6, rate(l.Bytes, s))
	}
	head("op")
	for _, l := range byOp {
		line(l)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	head("module")
	for _, l := range byModule {
		line(l)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	if err := p.writePeak(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%.3f ms a run, of %d kernels\n", ms(p.Wall), len(p.Kernels))
	return err
}

// peakLines is how many of the values held at the peak are listed.
const peakLines = 12

// writePeak prints what is held when most is.
func (p *Profile) writePeak(w io.Writer) error {
	kernel, held := p.Peak()
	var all int64
	for _, h := range held {
		all += h.Bytes
	}
	at := "the end"
	if kernel < len(p.Kernels) {
		k := p.Kernels[kernel]
		at = strings.TrimSpace(fmt.Sprintf("kernel %d, %s %s", kernel, k.Label(), k.Path))
	}
	fmt.Fprintf(w, "memory: variables %.1f MB, arena %.1f MB; at most %.1f MB of it at once, at %s\n",
		mb(p.Plan.VariableBytes), mb(p.Plan.ArenaBytes), mb(all), at)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "MB\theld from\tto\top\ttype\tmodule")
	for i, h := range held {
		if i == peakLines {
			var rest int64
			for _, h := range held[i:] {
				rest += h.Bytes
			}
			fmt.Fprintf(t, "%.2f\t\t\t%d others\n", mb(rest), len(held)-i)
			break
		}
		typ, op := h.Type.String(), h.Op
		if h.Scratch {
			typ = "scratch"
		}
		if h.Backward {
			op += ", backward"
		}
		fmt.Fprintf(t, "%.2f\t%d\t%d\t%s\t%s\t%s\n", mb(h.Bytes), h.First, h.Last, op, typ, h.Path)
	}
	return t.Flush()
}

func mb(bytes int64) float64 { return float64(bytes) / 1e6 }

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

// rate is in 1e9 a second, or "-" where there is none.
func rate(n int64, seconds float64) string {
	if n == 0 || seconds <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f", float64(n)/seconds/1e9)
}

// An event is an entry of the Trace Event Format, times in microseconds.
type event struct {
	Name     string         `json:"name"`
	Category string         `json:"cat,omitempty"`
	Phase    string         `json:"ph"`
	Start    float64        `json:"ts"`
	Duration float64        `json:"dur,omitempty"`
	Process  int            `json:"pid"`
	Thread   int            `json:"tid"`
	Args     map[string]any `json:"args,omitempty"`
}

// The rows of a trace.
const (
	runRow = iota + 1
	moduleRow
	kernelRow
)

// WriteTrace writes all runs in the Trace Event Format, which chrome://tracing
// and ui.perfetto.dev show: a row of kernels below the modules they belong to.
func (p *Profile) WriteTrace(w io.Writer) error {
	var events []event
	for _, row := range []struct {
		id   int
		name string
	}{{runRow, "runs"}, {moduleRow, "modules"}, {kernelRow, "kernels"}} {
		events = append(events,
			event{Name: "thread_name", Phase: "M", Process: 1, Thread: row.id, Args: map[string]any{"name": row.name}},
			event{Name: "thread_sort_index", Phase: "M", Process: 1, Thread: row.id, Args: map[string]any{"sort_index": row.id}})
	}
	for r, spans := range p.runs {
		events = append(events, p.events(r, spans)...)
	}
	return json.NewEncoder(w).Encode(map[string]any{"traceEvents": events, "displayTimeUnit": "ms"})
}

func (p *Profile) events(run int, spans []backend.Span) []event {
	at := func(d time.Duration) float64 { return float64(p.starts[run]+d) / 1e3 }
	var end time.Duration
	var events []event
	var open []string // modules under way
	var since []time.Duration
	leave := func(depth int, now time.Duration) {
		for i := len(open) - 1; i >= depth; i-- {
			events = append(events, event{Name: open[i], Category: "module", Phase: "X", Start: at(since[i]), Duration: at(now) - at(since[i]), Process: 1, Thread: moduleRow})
		}
		open, since = open[:depth], since[:depth]
	}
	for i, s := range spans {
		if s.End == 0 {
			continue // nothing to do in it
		}
		k := p.Kernels[i]
		var path []string
		if k.Path != "" {
			path = strings.Split(k.Path, ".")
		}
		if k.Backward {
			path = append([]string{"backward"}, path...)
		}
		same := 0
		for same < min(len(path), len(open)) && path[same] == open[same] {
			same++
		}
		leave(same, s.Start)
		for _, name := range path[same:] {
			open, since = append(open, name), append(since, s.Start)
		}
		d := s.End - s.Start
		events = append(events, event{Name: k.Label(), Category: k.Op, Phase: "X", Start: at(s.Start), Duration: float64(d) / 1e3, Process: 1, Thread: kernelRow,
			Args: map[string]any{"ops": strings.Join(k.Ops, " "), "module": k.Path, "line": k.Site, "backward": k.Backward,
				"flops": k.Flops, "bytes": k.Bytes, "GFLOP/s": rate(k.Flops, d.Seconds()), "GB/s": rate(k.Bytes, d.Seconds())}})
		end = s.End
	}
	leave(0, end)
	return append(events, event{Name: fmt.Sprintf("run %d", run), Category: "run", Phase: "X", Start: at(0), Duration: at(end) - at(0), Process: 1, Thread: runRow})
}
