//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

var avx512 = Set{
	Name: "avx512",
	Available: cpu.X86.HasAVX512F && cpu.X86.HasAVX512BW && cpu.X86.HasAVX512CD &&
		cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL && cpu.X86.HasBMI2 && avx2.Available,
	Tile:     avx512Tile,
	Vec:      avx512Vec,
	winograd: avx512Winograd,
	halves:   avx512Halves,
	peak:     countOnes(peakAVX512),
}

var avx2 = Set{
	Name:      "avx2",
	Available: cpu.X86.HasAVX2 && cpu.X86.HasFMA && cpu.X86.HasF16C,
	Tile:      avx2Tile,
	Vec:       avx2Vec,
	winograd:  avx2Winograd,
	halves:    avx2Halves,
	peak:      countOnes(peakAVX2),
}

// sets lists the sets from the preferred to the plain one. Availability
// includes the operating system's support of the registers.
var sets = []*Set{&avx512, &avx2, &generic}
