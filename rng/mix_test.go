package rng

import "testing"

// SplitMix64's first three numbers for seed 0, as published with the
// generator: stream n of seed 0 is its n-th number.
func TestMixIsSplitMix64(t *testing.T) {
	for stream, want := range map[uint64]uint64{1: 0xE220A8397B1DCDAF, 2: 0x6E789E6AA1B965F4, 3: 0x06C45D188009454F} {
		if got := Mix(0, stream); got != [2]uint32{uint32(want), uint32(want >> 32)} {
			t.Errorf("Mix(0, %d) = %x, want %x", stream, got, want)
		}
	}
}

// The value is Python's int.from_bytes(hashlib.sha256(b"fc1.drop").digest()[:8], "little").
func TestHash(t *testing.T) {
	const want = 5386499631637156724
	if got := Hash("fc1.drop"); got != want {
		t.Errorf("Hash = %d, want %d", got, uint64(want))
	}
}
