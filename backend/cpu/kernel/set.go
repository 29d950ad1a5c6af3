package kernel

var generic = Set{Name: "generic", Available: true, Tile: genericTile, Vec: genericVec, winograd: genericWinograd, halves: genericHalves, peak: peakGeneric}
