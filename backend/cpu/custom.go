package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
)

// A Ref names memory that a lowering has planned.
type Ref struct{ ref ref }

// Memory gives planned memory once its place is fixed.
type Memory struct{ m *memory }

// Read declares that the steps of the node read v.
func (l *Lowering) Read(v *ir.Value) Ref { return Ref{l.read(v)} }

// Write declares that the steps of the node make v, a result of the node. It
// shares no memory with what the node reads.
func (l *Lowering) Write(v *ir.Value) Ref { return Ref{l.write(v)} }

// Scratch declares memory that the steps of the node need for themselves.
func (l *Lowering) Scratch(floats int) Ref { return Ref{l.scratch(floats)} }

// Set is the kernel set to use.
func (l *Lowering) Set() *kernel.Set { return l.b.set }

// Threads is the number of workers; they are numbered from 0.
func (l *Lowering) Threads() int { return l.b.threads }

// Step adds a step for n. The function bind is called when memory is fixed, on
// the first run and when memory has moved; the phases that it returns run one
// after another in each run. They must not allocate, and what they write must
// not depend on the worker they run on.
func (l *Lowering) Step(n *ir.Node, bind func(m Memory) []kernel.Phase) {
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase { return bind(Memory{m}) })
}

// F32 returns memory of float32.
func (m Memory) F32(r Ref) []float32 { return m.m.f32(r.ref) }

// Bytes returns memory of any type.
func (m Memory) Bytes(r Ref) []byte { return m.m.bytes(r.ref) }
