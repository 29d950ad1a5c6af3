//go:build arm64 && !purego

package kernel

// neon is part of every arm64 processor.
var neon = Set{Name: "neon", Available: true, Tile: neonTile, Vec: neonVec, winograd: genericWinograd, halves: genericHalves, peak: countOnes(peakNEON)}

// sets lists the sets from the preferred to the plain one.
var sets = []*Set{&neon, &generic}
