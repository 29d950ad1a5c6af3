package cpu_test

import (
	"fmt"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
)

// A backend of its own kernels and threads; cpu.New() alone takes the best of
// the machine.
func ExampleNew() {
	b := cpu.New(cpu.WithThreads(3), cpu.WithSet(kernel.Lookup("generic")))
	defer b.Close()
	fmt.Println(b.Threads(), b.Set().Name)
	// Output: 3 generic
}
