package kernel

var generic = Set{Name: "generic", Available: true, Tile: genericTile, Vec: genericVec, halves: genericHalves, peak: peakGeneric}
