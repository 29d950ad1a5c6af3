package exec_test

import (
	"fmt"
	"os"
)

// residentBytes is the memory that the process has in the machine's.
func residentBytes() (n int64, ok bool) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	var size int64
	_, err = fmt.Sscan(string(b), &size, &n)
	return n * int64(os.Getpagesize()), err == nil
}
