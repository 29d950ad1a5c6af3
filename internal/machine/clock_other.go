//go:build !linux

package machine

// MonotonicMicros is 0: there is no systemd here to be told.
func MonotonicMicros() int64 { return 0 }
