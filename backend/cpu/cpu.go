// Package cpu compiles graphs for the processor: it chooses layouts, fuses
// element-wise chains, plans one arena for all intermediate values, and runs
// the steps on a fixed pool of workers. A compiled step allocates nothing.
//
// The result of a run is a function of the graph, its inputs and the kernel
// set: never of the number of threads.
package cpu

import (
	"fmt"
	"io"
	"maps"
	"os"
	"reflect"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/backend/cpu/pool"
	"github.com/gradus-ml/gradus/internal/mapped"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// A Backend runs graphs on the processor. All its executables share one arena
// of the largest need, so one Run of the backend is under way at a time.
type Backend struct {
	set     *kernel.Set
	threads int
	spin    time.Duration
	kernels map[reflect.Type]Lower
	print   io.Writer
	pool    *pool.Pool
	arena   arena
	regions []*mapped.Memory
	packs   packs
	changes atomic.Int64 // of all variables
}

// An Option configures a Backend.
type Option func(*Backend)

// WithThreads sets the number of threads; the default is GOMAXPROCS.
func WithThreads(n int) Option { return func(b *Backend) { b.threads = max(1, n) } }

// WithSpin sets how long a thread looks for work before it sleeps; the default is
// [pool.Spin]. Looking keeps a processor from others, sleeping makes the next run
// begin later.
func WithSpin(d time.Duration) Option { return func(b *Backend) { b.spin = d } }

// WithSet sets the kernels; the default is kernel.Best.
func WithSet(s *kernel.Set) Option { return func(b *Backend) { b.set = s } }

// WithKernel adds the lowering of an op from outside this package, or replaces
// one: op is any value of the op's type.
func WithKernel(op ir.Op, f Lower) Option {
	return func(b *Backend) { b.kernels[reflect.TypeOf(op)] = f }
}

// New returns a backend with the best kernels of this machine.
func New(opts ...Option) *Backend {
	b := &Backend{print: os.Stderr, set: kernel.Best(), threads: runtime.GOMAXPROCS(0), spin: pool.Spin, kernels: builtin()}
	for _, o := range opts {
		o(b)
	}
	b.pool = pool.New(b.threads, b.spin)
	return b
}

// Clone returns a backend with the same settings, but for those given, and none
// of the memory. Its executables may use variables of b, for reading.
func (b *Backend) Clone(opts ...Option) *Backend {
	c := &Backend{print: b.print, set: b.set, threads: b.threads, spin: b.spin, kernels: maps.Clone(b.kernels)}
	for _, o := range opts {
		o(c)
	}
	c.pool = pool.New(c.threads, c.spin)
	return c
}

// Limit makes later runs the work of n threads at most, until it is called again.
func (b *Backend) Limit(n int) { b.pool.Limit(n) }

// Name is "cpu".
func (b *Backend) Name() string { return "cpu" }

// Set is the kernel set in use.
func (b *Backend) Set() *kernel.Set { return b.set }

// Threads is the number of threads in use.
func (b *Backend) Threads() int { return b.threads }

// MappedBytes is the memory that the backend holds outside the Go heap: for
// variables, and for intermediate values.
func (b *Backend) MappedBytes() int64 {
	n := 0
	for _, m := range append(b.regions[:len(b.regions):len(b.regions)], b.arena.m) {
		if m != nil {
			n += len(m.Bytes)
		}
	}
	return int64(n + b.packs.bytes())
}

// Close ends the workers and unmaps all memory. Buffers are invalid then.
func (b *Backend) Close() error {
	b.pool.Close()
	b.arena.free()
	b.packs.free()
	for _, m := range b.regions {
		m.Free()
	}
	b.regions = nil
	return nil
}

// buffer is a variable's memory.
type buffer struct {
	b       *Backend
	typ     ir.Type
	mem     []byte
	changes int64 // how often the value was written
}

// Alloc maps one region outside the Go heap.
func (b *Backend) Alloc(types []ir.Type) ([]backend.Buffer, error) {
	size := 0
	for _, t := range types {
		size += align(t.SizeBytes())
	}
	m, err := mapped.New(size)
	if err != nil {
		return nil, fmt.Errorf("cpu: %d bytes for %d variables: %w", size, len(types), err)
	}
	b.regions = append(b.regions, m)
	out := make([]backend.Buffer, len(types))
	at := 0
	for i, t := range types {
		n := t.SizeBytes()
		out[i] = &buffer{b: b, typ: t, mem: m.Bytes[at : at+n : at+n]}
		at += align(n)
	}
	return out, nil
}

func (x *buffer) Type() ir.Type { return x.typ }

func (x *buffer) Read(dst *tensor.Tensor) error {
	if err := x.check(dst); err != nil {
		return err
	}
	copy(dst.Bytes(), x.mem)
	return nil
}

func (x *buffer) Write(src *tensor.Tensor) error {
	if err := x.check(src); err != nil {
		return err
	}
	copy(x.mem, src.Bytes())
	x.changed()
	return nil
}

func (x *buffer) Fill(fill func(t *tensor.Tensor)) error {
	t, err := tensor.FromBytes(x.typ.DType, x.typ.Shape, x.mem)
	if err != nil {
		return err
	}
	fill(t)
	x.changed()
	return nil
}

// changed tells executables that keep what they made of the value.
func (x *buffer) changed() {
	x.changes++
	x.b.changes.Add(1)
}

func (x *buffer) check(t *tensor.Tensor) error {
	if t.DType() != x.typ.DType || t.Shape() != x.typ.Shape {
		return fmt.Errorf("cpu: the buffer is %v, the tensor %v", x.typ, t)
	}
	return nil
}

const lineSize = 64

func align(n int) int { return (n + lineSize - 1) / lineSize * lineSize }

// view reads mapped or planned memory as elements of a Go type.
func view[T any](mem []byte) []T {
	var z T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(mem))), len(mem)/int(unsafe.Sizeof(z)))
}
