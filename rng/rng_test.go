package rng

import (
	"encoding/binary"
	"math"
	"slices"
	"testing"
)

// The vectors are those of Random123, tests/kat_vectors, "philox4x32 10".
func TestPhiloxKnownAnswers(t *testing.T) {
	for _, c := range []struct {
		ctr  [4]uint32
		key  [2]uint32
		want [4]uint32
	}{
		{[4]uint32{}, [2]uint32{},
			[4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)}, [2]uint32{^uint32(0), ^uint32(0)},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	} {
		if got := Philox(c.key, c.ctr); got != c.want {
			t.Errorf("Philox(%x, %x) = %x, want %x", c.key, c.ctr, got, c.want)
		}
	}
}

// The hashes were computed with Python's hashlib: sha256(struct.pack("<Q",
// seed) + path.encode()).digest()[:8].
func TestKey(t *testing.T) {
	for _, c := range []struct {
		seed uint64
		path string
		want string // the 8 bytes
	}{
		{0, "", keySeed0},
		{1, "blocks.3.drop", keySeed1},
		{math.MaxUint64, "data", keySeedMax},
	} {
		k := Key(c.seed, c.path)
		got := binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, k[0]), k[1])
		if string(got) != c.want {
			t.Errorf("Key(%d, %q) = %x, want %x", c.seed, c.path, got, c.want)
		}
	}
}

func TestBitsAnyRange(t *testing.T) {
	key := Key(7, "x")
	for _, base := range []uint64{0, 1<<34 - 8, math.MaxUint64 - 100} {
		for off := range uint64(9) {
			for n := range 14 {
				got := make([]uint32, n)
				Bits(got, key, 1<<40+3, base+off)
				for j, g := range got {
					i := base + off + uint64(j)
					b := Philox(key, [4]uint32{uint32(i / 4), uint32(i / 4 >> 32), 3, 1 << 8})
					if g != b[i%4] {
						t.Fatalf("Bits at %d+%d, element %d: got %x, want %x", base, off, j, g, b[i%4])
					}
				}
			}
		}
	}
}

func TestUniformEnds(t *testing.T) {
	if got := Uniform(255); got != 0 {
		t.Errorf("Uniform(255) = %v, want 0", got)
	}
	if got := Uniform(math.MaxUint32); got != 1-0x1p-24 {
		t.Errorf("Uniform(max) = %v, want 1-2^-24", got)
	}
}

func TestNormalEnds(t *testing.T) {
	if x, y := Normal(math.MaxUint32, 5); math.Abs(x)+math.Abs(y) != 0 {
		t.Errorf("Normal(max, 5) = %v, %v, want zeros", x, y)
	}
	if x, _ := Normal(0, 0); x < 6.66 || x > 6.67 {
		t.Errorf("Normal(0, 0) = %v, want sqrt(64 ln 2) = 6.66", x)
	}
}

func TestStreamEqualsBits(t *testing.T) {
	want := make([]uint32, 23)
	Bits(want, Key(3, "s"), 9, 0)
	s := NewStream(3, "s", 9)
	for i, w := range want {
		if g := s.Uint32(); g != w {
			t.Fatalf("element %d: got %x, want %x", i, g, w)
		}
	}
	if s.Pos() != 23 {
		t.Errorf("Pos = %d, want 23", s.Pos())
	}
	s.Seek(2)
	if g, w := s.Uint64(), uint64(want[2])|uint64(want[3])<<32; g != w {
		t.Errorf("Uint64 at 2 = %x, want %x", g, w)
	}
}

// A stream continued at a noted position gives what the unbroken one gives.
func TestStreamResume(t *testing.T) {
	a := NewStream(11, "data", 0)
	for range 5 {
		a.Normal()
		a.Float32()
		a.IntN(10)
	}
	b := NewStream(11, "data", 0)
	b.Seek(a.Pos())
	for i := range 20 {
		if x, y := a.Normal(), b.Normal(); x != y {
			t.Fatalf("normal %d: %v and %v", i, x, y)
		}
		if x, y := a.IntN(7), b.IntN(7); x != y {
			t.Fatalf("int %d: %v and %v", i, x, y)
		}
		if x, y := a.Float32(), b.Float32(); x != y {
			t.Fatalf("float %d: %v and %v", i, x, y)
		}
	}
}

// moments returns mean, variance, skewness and kurtosis.
func moments(x []float64) (mean, variance, skew, kurt float64) {
	n := float64(len(x))
	for _, v := range x {
		mean += v / n
	}
	for _, v := range x {
		d := v - mean
		variance += d * d / n
		skew += d * d * d / n
		kurt += d * d * d * d / n
	}
	return mean, variance, skew / math.Pow(variance, 1.5), kurt / (variance * variance)
}

// Bounds are five standard errors of each moment for n samples.
func TestDistributions(t *testing.T) {
	const n = 1 << 20
	near := func(name string, got, want, stdErr float64) {
		if math.Abs(got-want) > 5*stdErr {
			t.Errorf("%s = %v, want %v within %v", name, got, want, 5*stdErr)
		}
	}
	rootN := math.Sqrt(n)

	s := NewStream(1, "uniform", 0)
	x := make([]float64, n)
	for i := range x {
		x[i] = s.Float64()
	}
	m, v, _, k := moments(x)
	near("uniform mean", m, 0.5, math.Sqrt(1./12)/rootN)
	near("uniform variance", v, 1./12, math.Sqrt(1./180)/rootN)
	near("uniform kurtosis", k, 1.8, 3/rootN)

	f := make([]float32, n)
	FillNormal(f, Key(1, "normal"), 0, 1)
	for i := range x {
		x[i] = float64(f[i])
	}
	m, v, sk, k := moments(x)
	near("normal mean", m, 0, 1/rootN)
	near("normal variance", v, 1, math.Sqrt2/rootN)
	near("normal skewness", sk, 0, math.Sqrt(6)/rootN)
	near("normal kurtosis", k, 3, math.Sqrt(24)/rootN)
	var cross float64 // the two numbers of a pair are independent
	for i := 0; i < n; i += 2 {
		cross += x[i] * x[i+1] / (n / 2)
	}
	near("correlation within pairs", cross, 0, math.Sqrt2/rootN)

	FillUniform(f, Key(1, "fill"), -2, 6)
	for i := range x {
		x[i] = float64(f[i])
	}
	m, v, _, _ = moments(x)
	near("filled mean", m, 2, math.Sqrt(64./12)/rootN)
	near("filled variance", v, 64./12, 64*math.Sqrt(1./180)/rootN)
}

// A fill is a function of the position: a shorter one is a prefix.
func TestFillPrefix(t *testing.T) {
	key := Key(5, "w")
	long := make([]float32, 300)
	FillNormal(long, key, 1, 2)
	longU := make([]float32, 300)
	FillUniform(longU, key, 1, 2)
	for n := range 130 {
		short := make([]float32, n)
		FillNormal(short, key, 1, 2)
		if !slices.Equal(short, long[:n]) {
			t.Fatalf("normal, length %d: not a prefix", n)
		}
		FillUniform(short, key, 1, 2)
		if !slices.Equal(short, longU[:n]) {
			t.Fatalf("uniform, length %d: not a prefix", n)
		}
	}
}

func TestIntNIsUniform(t *testing.T) {
	const n, draws = 7, 70000
	var count [n]float64
	s := NewStream(2, "ints", 0)
	for range draws {
		count[s.IntN(n)]++
	}
	var chi2 float64
	for _, c := range count {
		chi2 += (c - draws/n) * (c - draws/n) / (draws / n)
	}
	if chi2 > 22.5 { // 99.9 % point for 6 degrees of freedom
		t.Errorf("chi-squared = %v, counts %v", chi2, count)
	}
}

// 2^64 inputs onto n = 3*2^62 results leave 2^62 inputs over: those whose low
// product is below 2^62 must be refused.
func TestMulRangeRefusesBias(t *testing.T) {
	const n = 3 << 62
	if _, ok := mulRange(0, n); ok {
		t.Error("mulRange(0) accepted although its low product 0 is in the biased part")
	}
	if v, ok := mulRange(1, n); !ok || v != 0 {
		t.Errorf("mulRange(1) = %d, %v; want 0, true", v, ok)
	}
}

func TestPermIsUniform(t *testing.T) {
	const draws = 24000
	count := map[[4]int]float64{}
	s := NewStream(4, "perm", 0)
	for range draws {
		count[[4]int(s.Perm(4))]++
	}
	if len(count) != 24 {
		t.Fatalf("%d of 24 orders seen", len(count))
	}
	var chi2 float64
	for _, c := range count {
		chi2 += (c - draws/24) * (c - draws/24) / (draws / 24)
	}
	if chi2 > 49.7 { // 99.9 % point for 23 degrees of freedom
		t.Errorf("chi-squared = %v", chi2)
	}
}

func TestNoAllocation(t *testing.T) {
	dst := make([]uint32, 100)
	f := make([]float32, 100)
	s := NewStream(1, "a", 0)
	key := Key(1, "a")
	if n := testing.AllocsPerRun(10, func() {
		Bits(dst, key, 1, 3)
		FillNormal(f, key, 0, 1)
		s.Normal()
		s.IntN(5)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBits(b *testing.B) {
	dst := make([]uint32, 4096)
	b.SetBytes(int64(len(dst) * 4))
	for b.Loop() {
		Bits(dst, [2]uint32{1, 2}, 0, 0)
	}
}

const (
	keySeed0   = "\xaf\x55\x70\xf5\xa1\x81\x0b\x7a"
	keySeed1   = "\x9d\xb7\x8c\xc9\x08\x0f\x00\x6c"
	keySeedMax = "\x15\x71\xf4\x8c\x83\x2b\xb5\x98"
)
