package engine

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// memoryLimit is the memory that the process may have: the machine's, or less
// if a control group says so.
func memoryLimit() int64 {
	limit := int64(math.MaxInt64)
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		limit = int64(info.Totalram) * int64(info.Unit)
	}
	// A container sees its own group as the root. Outside of one the limit of a
	// service is in the group that the process names, or in one above.
	groups := []string{"/"}
	if text, err := os.ReadFile("/proc/self/cgroup"); err == nil {
		if _, path, ok := strings.Cut(string(text), "0::"); ok {
			path, _, _ = strings.Cut(path, "\n")
			for ; path != "/" && path != "." && path != ""; path = filepath.Dir(path) {
				groups = append(groups, path)
			}
		}
	}
	for _, g := range groups {
		text, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", g, "memory.max"))
		if err != nil {
			continue
		}
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n > 0 {
			limit = min(limit, n)
		}
	}
	return limit
}
