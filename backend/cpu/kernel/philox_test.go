package kernel

import "testing"

// TestPhiloxVectors holds the known answers of Random123 (kat_vectors,
// philox4x32 10 rounds).
func TestPhiloxVectors(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for _, c := range []struct {
			first uint64
			hi    [2]uint32
			key   [2]uint32
			want  [4]uint32
		}{
			{0, [2]uint32{}, [2]uint32{}, [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
			{1<<64 - 1, [2]uint32{1<<32 - 1, 1<<32 - 1}, [2]uint32{1<<32 - 1, 1<<32 - 1}, [4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
			{0x85a308d3_243f6a88, [2]uint32{0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0}, [4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
		} {
			var got [4]uint32
			s.Vec.Philox(got[:], c.key, c.first, c.hi)
			if got != c.want {
				t.Errorf("counter %x %x key %x: %08x, want %08x", c.first, c.hi, c.key, got, c.want)
			}
		}
	})
}

// TestPhiloxLengths compares every length, across a carry of the counter, with
// single blocks.
func TestPhiloxLengths(t *testing.T) {
	words, floats := fenced[uint32](t, maxCall+20, false), fenced[float32](t, maxCall+20, false)
	eachSet(t, func(t *testing.T, s *Set) {
		for n := range 132 {
			if n == 131 {
				n = maxCall + 20
			}
			first := uint64(1<<32 - 9)
			if n%2 == 1 {
				first = 1<<64 - 9
			}
			w, f := words[len(words)-n:], floats[len(floats)-n:]
			s.Vec.Philox(w, [2]uint32{7, 9}, first, [2]uint32{3, 4})
			s.Vec.Uniform(f, [2]uint32{7, 9}, first, [2]uint32{3, 4})
			for i := range w {
				want := philoxBlock(7|9<<32, first+uint64(i/4), 3|4<<32)[i%4]
				if w[i] != want || f[i] != float32(want>>8)/(1<<24) {
					t.Fatalf("n=%d: word %d is %x and %g, want %x", n, i, w[i], f[i], want)
				}
			}
		}
	})
}
