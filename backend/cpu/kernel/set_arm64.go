//go:build arm64 && !purego

package kernel

// neon is part of every arm64 processor.
var neon = Set{Name: "neon", Available: true, Tile: neonTile, Vec: neonVec, winograd: neonWinograd, halves: genericHalves, peak: countOnes(peakNEON)}

// neonWinograd has the portable transforms. They take about 0.7 microseconds a
// tile and channel, from which the least number of channels is computed; it was
// not measured on such a machine.
var neonWinograd = func() winogradTransforms {
	w := genericWinograd
	w.three.least, w.five.least = 128, 128
	return w
}()

// sets lists the sets from the preferred to the plain one.
var sets = []*Set{&neon, &generic}
