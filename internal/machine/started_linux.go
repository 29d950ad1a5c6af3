package machine

import (
	"bytes"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// ticks is how many clock ticks a second has in /proc, on every architecture
// that Go knows.
const ticks = 100

// Started is when the process started, to the hundredth of a second before.
// The time of a shell that became this program is a part of the process's.
func Started() time.Time {
	now := time.Now()
	var up unix.Timespec
	text, err := os.ReadFile("/proc/self/stat")
	if err != nil || unix.ClockGettime(unix.CLOCK_BOOTTIME, &up) != nil {
		return loaded
	}
	// The name, in parentheses, is the second field and may hold anything; the
	// start is the 22nd, in ticks since the machine started.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return loaded
	}
	start, err := strconv.ParseInt(string(fields[19]), 10, 64)
	if err != nil {
		return loaded
	}
	return now.Add(time.Duration(start)*(time.Second/ticks) - time.Duration(up.Nano()))
}
