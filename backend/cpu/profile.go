package cpu

import (
	"time"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/cost"
	"github.com/gradus-ml/gradus/tensor"
)

// Kernels describes the units of the plan.
func (x *executable) Kernels() []backend.Kernel {
	ks := make([]backend.Kernel, len(x.l.units))
	for i, u := range x.l.units {
		ks[i] = u.kernel()
		ks[i].Bytes = x.l.traffic[i]
	}
	return ks
}

// Memory describes the slots of the arena.
func (x *executable) Memory() []backend.Held {
	var held []backend.Held
	for _, s := range x.l.slots {
		if s.place != inArena || s.bytes == 0 {
			continue
		}
		h := backend.Held{Type: s.typ, Bytes: int64(s.bytes), First: s.first, Last: min(s.last, len(x.l.units)), Scratch: s.node == nil}
		n := s.node
		if n == nil {
			u := x.l.units[min(s.first, len(x.l.units)-1)]
			if n = u.anchor; n == nil {
				n = u.nodes[len(u.nodes)-1]
			}
		}
		h.Op, h.Path, h.Backward = n.Op().Name(), n.Path(), n.Backward()
		held = append(held, h)
	}
	return held
}

// kernel describes a unit; its traffic is known to the lowering.
func (u *unit) kernel() backend.Kernel {
	main := u.anchor
	nodes := u.nodes
	if main != nil {
		nodes = append([]*ir.Node{main}, nodes...)
	} else {
		main = nodes[len(nodes)-1]
	}
	k := backend.Kernel{Op: main.Op().Name(), Path: main.Path(), Site: main.Site(), Backward: main.Backward()}
	if u.anchor == nil && len(nodes) > 1 {
		k.Op = "elementwise"
	}
	for _, n := range nodes {
		k.Ops = append(k.Ops, n.Op().Name())
		k.Flops += cost.Node(n)
	}
	return k
}

// Profile is Run with a clock.
func (x *executable) Profile(vars []backend.Buffer, args, outs []*tensor.Tensor, spans []backend.Span) error {
	start := time.Now()
	var last time.Duration
	return x.run(vars, args, outs, func(unit int) error {
		now := time.Since(start)
		spans[unit] = backend.Span{Start: last, End: now}
		last = now
		return nil
	})
}
