package rng

import (
	"crypto/sha256"
	"encoding/binary"
)

// Hash names a stream inside a graph: the first 8 bytes of SHA-256(path), as
// one little-endian number. The rule never changes.
func Hash(path string) uint64 {
	sum := sha256.Sum256([]byte(path))
	return binary.LittleEndian.Uint64(sum[:])
}

// Mix makes the key of a stream from a seed that is known only at run time and
// the stream's Hash: the finaliser of SplitMix64 over seed + stream*odd.
func Mix(seed, stream uint64) [2]uint32 {
	z := seed + stream*0x9E3779B97F4A7C15
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	z ^= z >> 31
	return [2]uint32{uint32(z), uint32(z >> 32)}
}
