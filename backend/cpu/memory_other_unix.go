//go:build unix && !linux

package cpu

func largePages([]byte) {}
