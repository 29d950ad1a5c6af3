//go:build !amd64 && !arm64

package pool

// pause would tell the processor that this is a spin loop.
func pause() {}
