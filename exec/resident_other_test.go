//go:build !linux

package exec_test

func residentBytes() (n int64, ok bool) { return 0, false }
