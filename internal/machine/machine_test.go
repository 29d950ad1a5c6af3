package machine

import (
	"runtime"
	"slices"
	"testing"
	"time"
)

func TestProcessor(t *testing.T) {
	if Processor() == "" {
		t.Error("no name")
	}
}

func TestFeatures(t *testing.T) {
	// Every amd64 processor has SSE2.
	if names := Features(); runtime.GOARCH == "amd64" && !slices.Contains(names, "sse2") {
		t.Errorf("features %v lack sse2", names)
	}
}

func TestStarted(t *testing.T) {
	s := Started()
	if late := s.Sub(loaded); late > 0 || late < -time.Minute {
		t.Errorf("the process started %v after it had been loaded", late)
	}
	if d := Started().Sub(s).Abs(); d > 10*time.Millisecond {
		t.Errorf("two calls differ by %v", d)
	}
}

func TestAvailable(t *testing.T) {
	if n := AvailableBytes(); runtime.GOOS == "linux" && n < 1<<20 || n < 0 {
		t.Errorf("%d bytes", n)
	}
}

func TestPeak(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the peak begins at the start of the process")
	}
	ResetPeak()
	before := PeakBytes()
	mem := make([]byte, 64<<20)
	for i := range mem {
		mem[i] = 1
	}
	if grown := PeakBytes() - before; grown < 60<<20 {
		t.Errorf("the peak grew by %d bytes while 64 MiB were filled", grown)
	}
	runtime.KeepAlive(mem)
}
