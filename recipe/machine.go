package recipe

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
)

// Machine is what a run computes with. The number of threads does not change
// results; the instruction set changes their last bits.
type Machine struct {
	Threads int    `json:"threads" yaml:"threads"`
	ISA     string `json:"isa" yaml:"isa"` // the instruction set of the kernels: "generic", "avx2"
}

// ThisMachine is all processors, with the best kernels they have.
func ThisMachine() Machine {
	return Machine{Threads: runtime.GOMAXPROCS(0), ISA: kernel.Best().Name}
}

// maxThreads is more than any machine has; it keeps typing mistakes from
// taking the machine's memory.
const maxThreads = 1024

// Validate tells all that is wrong.
func (m Machine) Validate() error {
	var p problems
	p.that(m.Threads >= 1 && m.Threads <= maxThreads, "threads must be in 1..%d, got %d", maxThreads, m.Threads)
	_, err := m.Kernels()
	p.add(err)
	return p.err()
}

// Kernels is the set of kernels that ISA names.
func (m Machine) Kernels() (*kernel.Set, error) {
	set := kernel.Lookup(m.ISA)
	switch {
	case set == nil:
		return nil, fmt.Errorf("isa: this program has no kernels for %q; it has %s", m.ISA, strings.Join(ISAs(), ", "))
	case !set.Available:
		return nil, fmt.Errorf("isa: this processor lacks %s", m.ISA)
	}
	return set, nil
}

// ISAs lists the instruction sets that this program has kernels for.
func ISAs() []string {
	var names []string
	for _, s := range kernel.Sets() {
		names = append(names, s.Name)
	}
	return names
}

// Backend makes the backend.
func (m Machine) Backend() (*cpu.Backend, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	set, err := m.Kernels()
	if err != nil {
		return nil, err
	}
	return cpu.New(cpu.WithThreads(m.Threads), cpu.WithSet(set)), nil
}
