// Package backend is the contract between graphs and what runs them.
package backend

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// A Backend compiles graphs and owns memory.
type Backend interface {
	// Name is "cpu".
	Name() string
	// Alloc returns zeroed buffers, next to each other in the order given.
	Alloc(types []ir.Type) ([]Buffer, error)
	// Compile makes a graph ready to run. It returns the mistake that the
	// graph keeps, if there is one.
	Compile(g *ir.Graph) (Executable, error)
	// Close frees everything.
	Close() error
}

// A Buffer is memory of a backend that holds one value.
type Buffer interface {
	Type() ir.Type
	// Read copies the value out, Write copies one in; the tensor has the
	// buffer's type.
	Read(dst *tensor.Tensor) error
	Write(src *tensor.Tensor) error
	// Fill lets a function write elements, into the buffer's own memory where
	// the program can reach that. The tensor holds what the buffer held, and is
	// valid until the function returns. Several buffers may be filled at a time.
	Fill(fill func(t *tensor.Tensor)) error
}

// An Executable is a compiled graph. One Run is under way at a time.
type Executable interface {
	// Run runs the graph once. Vars and args are its inputs of either kind, in
	// the graph's order; outs receive its outputs. Updated variables are
	// changed in place. After an error that is no panic they are unchanged.
	Run(vars []Buffer, args, outs []*tensor.Tensor) error
	Stats() Stats
}

// Stats is what is known of an executable before it runs.
type Stats struct {
	Steps       int      // kernels run one after another
	ArenaBytes  int64    // memory for intermediate values and scratch
	KeptBytes   int64    // memory for what is made of variables once and kept between runs
	PackedBytes int64    // memory for variables in other forms, which all executables that read them share
	Flops       int64    // arithmetic of one run
	Interpreted []string // ops that run through the reference interpreter
}
