package exec_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

func profiled(t *testing.T) *exec.Profile {
	t.Helper()
	m := newConvNet(2, 8)
	s := newStore(t, m, exec.Seed(1))
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		l := ops.Sum(m.forward(c.Train(), in[0]))
		for _, p := range s.Params() {
			c.SetParam(p.Param, ops.Sub(c.Param(p.Param), grad.Of(l, c.Param(p.Param))[0]))
		}
		return []*ir.Value{l}
	})
	p, err := f.Profile(context.Background(), 3, random(1, 2, 8, 6, 6))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestProfile(t *testing.T) {
	p := profiled(t)
	var sum, flops, bytes float64
	for _, k := range p.Kernels {
		sum += k.Time.Seconds()
		flops += float64(k.Flops)
		bytes += float64(k.Bytes)
	}
	if sum <= 0 || sum > p.Wall.Seconds() {
		t.Errorf("kernels take %v s of %v", sum, p.Wall)
	}
	if flops <= 0 || bytes <= 0 {
		t.Errorf("%v operations, %v bytes", flops, bytes)
	}
	lines := p.ByModule()
	if lines[0].Name != "" || lines[0].Calls != len(p.Kernels) || float64(lines[0].Flops) != flops {
		t.Errorf("the whole is %+v", lines[0])
	}
	parts := map[string]exec.Line{}
	for _, l := range lines {
		parts[l.Name] = l
		if parent := l.Name[:max(0, strings.LastIndexByte(l.Name, '.'))]; parts[parent].Calls < l.Calls {
			t.Errorf("%q comes before the module it is in, or has more kernels", l.Name)
		}
	}
	for _, name := range []string{"blocks", "blocks.0", "blocks.1", "head"} {
		if l := parts[name]; l.Forward <= 0 || l.Backward <= 0 {
			t.Errorf("%s: %v forward, %v backward", name, l.Forward, l.Backward)
		}
	}
	if got, want := parts["blocks"].Time(), parts["blocks.0"].Time()+parts["blocks.1"].Time(); got != want {
		t.Errorf("blocks take %v, its two %v", got, want)
	}
	ops := p.ByOp()
	for i := range ops[1:] {
		if ops[i].Time() < ops[i+1].Time() {
			t.Errorf("%s before %s", ops[i].Name, ops[i+1].Name)
		}
	}
}

func TestProfilePeak(t *testing.T) {
	p := profiled(t)
	kernel, held := p.Peak()
	sum := func(kernel int) (n int64) {
		for _, h := range p.Held {
			if h.First <= kernel && kernel <= h.Last {
				n += h.Bytes
			}
		}
		return n
	}
	var most int64
	for i, h := range held {
		most += h.Bytes
		if i > 0 && h.Bytes > held[i-1].Bytes {
			t.Errorf("%d bytes behind %d", h.Bytes, held[i-1].Bytes)
		}
	}
	if most == 0 || most != sum(kernel) || most > p.Plan.ArenaBytes {
		t.Errorf("%d bytes are held at kernel %d, where %d are; the arena has %d", most, kernel, sum(kernel), p.Plan.ArenaBytes)
	}
	for i := range len(p.Kernels) + 1 {
		if n := sum(i); n > most {
			t.Errorf("%d bytes are held at kernel %d, more than at the peak", n, i)
		}
	}
}

func TestProfileTable(t *testing.T) {
	var b bytes.Buffer
	if err := profiled(t).WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"forward ms", "conv_weight", "blocks.1", "batch_norm_grad", "held from", "ms a run"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

// The trace is what viewers read: complete events in rows, modules around
// their kernels.
func TestProfileTrace(t *testing.T) {
	p := profiled(t)
	var b bytes.Buffer
	if err := p.WriteTrace(&b); err != nil {
		t.Fatal(err)
	}
	var trace struct {
		TraceEvents []struct {
			Name, Cat, Ph string
			TS, Dur       float64
			Tid           int
			Args          map[string]any
		}
	}
	if err := json.Unmarshal(b.Bytes(), &trace); err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	type span struct{ from, to float64 }
	rows := map[int][]span{}
	for _, e := range trace.TraceEvents {
		count[e.Cat]++
		if e.Ph != "X" {
			continue
		}
		if e.Dur < 0 {
			t.Errorf("%s takes %v", e.Name, e.Dur)
		}
		rows[e.Tid] = append(rows[e.Tid], span{e.TS, e.TS + e.Dur})
		if e.Cat == "module" && e.Name == "backward" {
			count["backward"]++
		}
	}
	if count["run"] != 3 || count["module"] == 0 || count["backward"] < 3 || count["conv"] < 3*4 {
		t.Errorf("events: %v", count)
	}
	for tid, spans := range rows { // spans of one row nest or lie apart
		for i, a := range spans {
			for _, b := range spans[:i] {
				const e = 1e-2 // microseconds; ends are rounded
				apart := a.to <= b.from+e || b.to <= a.from+e
				inside := a.from >= b.from-e && a.to <= b.to+e || b.from >= a.from-e && b.to <= a.to+e
				if !apart && !inside {
					t.Errorf("row %d: %v crosses %v", tid, a, b)
				}
			}
		}
	}
}
