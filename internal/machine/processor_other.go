//go:build !linux && !darwin

package machine

import (
	"os"
	"runtime"
)

// Processor is the processor's own name where the environment has it, or that
// of its architecture.
func Processor() string {
	if name := os.Getenv("PROCESSOR_IDENTIFIER"); name != "" {
		return name // Windows
	}
	return runtime.GOARCH
}
