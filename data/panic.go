package data

import (
	"fmt"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
)

// A PanicError is a panic in a user's code, caught in a goroutine where it
// would have ended the program.
type PanicError struct {
	Subject string // what was under way: "data: item 17"
	Value   any    // of the panic
	Where   string // file:line that panicked
	Stack   []byte
}

// NewPanicError is called by the deferred function that recovered value.
func NewPanicError(subject string, value any) *PanicError {
	return &PanicError{subject, value, panicked(), debug.Stack()}
}

// Error says where the panic was; the whole stack is in Stack.
func (e *PanicError) Error() string {
	return fmt.Sprintf("%s: panic: %v (%s)", e.Subject, e.Value, e.Where)
}

// Unwrap is the value of the panic, if it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// panicked finds the innermost frame below the runtime's, after gopanic.
func panicked() string {
	pc := make([]uintptr, 64)
	frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc)])
	inPanic := false
	for {
		f, more := frames.Next()
		if f.Function == "runtime.gopanic" {
			inPanic = true
		} else if inPanic && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s:%d", filepath.Base(f.File), f.Line)
		}
		if !more {
			return "unknown place"
		}
	}
}
