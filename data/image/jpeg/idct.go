package jpeg

// Constants of the transform, times 2^13.
const (
	fix0298 = 2446
	fix0390 = 3196
	fix0541 = 4433
	fix0765 = 6270
	fix0899 = 7373
	fix1175 = 9633
	fix1501 = 12299
	fix1847 = 15137
	fix1961 = 16069
	fix2053 = 16819
	fix2562 = 20995
	fix3072 = 25172

	constBits = 13
	passBits  = 2
)

// limit maps a sum after the transform, in its low 10 bits, to a sample: 128 is
// added and what is too small or too large cut off.
var limit = func() (t [1024]uint8) {
	for i := range t {
		v := i + 128
		if i >= 512 {
			v -= 1024
		}
		t[i] = uint8(min(max(v, 0), 255))
	}
	return
}()

// transform stores the samples of a block in 8 rows of dst, stride apart:
//
//	sample[y][x] = 128 + 1/4 sum over v, u of
//		c(u) c(v) block[v][u] cos((2x+1) u pi/16) cos((2y+1) v pi/16)
//
// in fixed point, rounded as libjpeg's jidctint.c does it to the last bit
// (Loeffler, Ligtenberg and Moschytz, "Practical fast 1-D DCT algorithms with
// 11 multiplications", 1989). mask tells which coefficients are not zero; most
// are, and what is known to be zero is not multiplied.
func transform(dst []byte, stride int, block *[64]int32, mask uint64) {
	if mask == 1 {
		v := limit[uint32(block[0]<<passBits+1<<(passBits+2))>>(passBits+3)&1023]
		word := uint64(v) * 0x0101010101010101
		for range 7 {
			put(dst, word)
			dst = dst[stride:]
		}
		put(dst, word)
		return
	}
	var work [64]int32
	ac := mask >> 8
	ac |= ac >> 32
	ac |= ac >> 16
	ac |= ac >> 8
	short := mask>>32 == 0 // rows 4 to 7 are zero
	for x := range 8 {
		if ac>>x&1 == 0 {
			v := block[x] << passBits
			work[x], work[8+x], work[16+x], work[24+x] = v, v, v, v
			work[32+x], work[40+x], work[48+x], work[56+x] = v, v, v, v
			continue
		}
		var e0, e1, e2, e3, o0, o1, o2, o3 int32
		if short {
			e0, e1, e2, e3, o0, o1, o2, o3 = half(block[x], block[8+x], block[16+x], block[24+x])
		} else {
			e0, e1, e2, e3, o0, o1, o2, o3 = whole(block[x], block[8+x], block[16+x], block[24+x], block[32+x], block[40+x], block[48+x], block[56+x])
		}
		const shift, round = constBits - passBits, 1 << (constBits - passBits - 1)
		work[x] = (e0 + o3 + round) >> shift
		work[56+x] = (e0 - o3 + round) >> shift
		work[8+x] = (e1 + o2 + round) >> shift
		work[48+x] = (e1 - o2 + round) >> shift
		work[16+x] = (e2 + o1 + round) >> shift
		work[40+x] = (e2 - o1 + round) >> shift
		work[24+x] = (e3 + o0 + round) >> shift
		work[32+x] = (e3 - o0 + round) >> shift
	}
	narrow := mask&0xF0F0F0F0F0F0F0F0 == 0 // columns 4 to 7 are zero
	for y := range 8 {
		r := (*[8]int32)(work[8*y:])
		var e0, e1, e2, e3, o0, o1, o2, o3 int32
		if narrow {
			e0, e1, e2, e3, o0, o1, o2, o3 = half(r[0], r[1], r[2], r[3])
		} else {
			e0, e1, e2, e3, o0, o1, o2, o3 = whole(r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7])
		}
		const shift, round = constBits + passBits + 3, 1 << (constBits + passBits + 2)
		e0, e1, e2, e3 = e0+round, e1+round, e2+round, e3+round
		d := (*[8]byte)(dst)
		d[0] = limit[uint32(e0+o3)>>shift&1023]
		d[7] = limit[uint32(e0-o3)>>shift&1023]
		d[1] = limit[uint32(e1+o2)>>shift&1023]
		d[6] = limit[uint32(e1-o2)>>shift&1023]
		d[2] = limit[uint32(e2+o1)>>shift&1023]
		d[5] = limit[uint32(e2-o1)>>shift&1023]
		d[3] = limit[uint32(e3+o0)>>shift&1023]
		d[4] = limit[uint32(e3-o0)>>shift&1023]
		if y < 7 {
			dst = dst[stride:]
		}
	}
}

func put(dst []byte, word uint64) {
	d := (*[8]byte)(dst)
	d[0], d[1], d[2], d[3] = byte(word), byte(word>>8), byte(word>>16), byte(word>>24)
	d[4], d[5], d[6], d[7] = byte(word>>32), byte(word>>40), byte(word>>48), byte(word>>56)
}

// whole is the transform of 8 numbers before its last additions, times 2^13:
// the sums of the even and of the odd ones.
func whole(i0, i1, i2, i3, i4, i5, i6, i7 int32) (e0, e1, e2, e3, o0, o1, o2, o3 int32) {
	z1 := (i2 + i6) * fix0541
	t2 := z1 - i6*fix1847
	t3 := z1 + i2*fix0765
	t0 := (i0 + i4) << constBits
	t1 := (i0 - i4) << constBits

	a, b, c, d := i7+i1, i5+i3, i7+i3, i5+i1
	z5 := (c + d) * fix1175
	za, zb := -a*fix0899, -b*fix2562
	zc, zd := z5-c*fix1961, z5-d*fix0390
	return t0 + t3, t1 + t2, t1 - t2, t0 - t3,
		i7*fix0298 + za + zc, i5*fix2053 + zb + zd, i3*fix3072 + zb + zc, i1*fix1501 + za + zd
}

// half is whole with i4 to i7 zero.
func half(i0, i1, i2, i3 int32) (e0, e1, e2, e3, o0, o1, o2, o3 int32) {
	t2 := i2 * fix0541
	t3 := t2 + i2*fix0765
	t0 := i0 << constBits

	z5 := (i3 + i1) * fix1175
	za, zb := -i1*fix0899, -i3*fix2562
	zc, zd := z5-i3*fix1961, z5-i1*fix0390
	return t0 + t3, t0 + t2, t0 - t2, t0 - t3, za + zc, zb + zd, i3*fix3072 + zb + zc, i1*fix1501 + za + zd
}
