package machine

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Processor is the processor's own name, or that of its architecture.
func Processor() string {
	if name, err := unix.Sysctl("machdep.cpu.brand_string"); err == nil {
		return name
	}
	return runtime.GOARCH
}
