package machine

import "golang.org/x/sys/unix"

// MonotonicMicros is the clock that runs since the machine started and stands
// while it sleeps, in microseconds, as systemd counts.
func MonotonicMicros() int64 {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_MONOTONIC, &t) != nil {
		return 0
	}
	return t.Nano() / 1000
}
