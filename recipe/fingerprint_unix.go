//go:build unix

package recipe

import (
	"io/fs"
	"syscall"
)

// inode is a file's number, which one that takes its place has not.
func inode(st fs.FileInfo) uint64 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
