package kernel

import "math"

// Keys turns n elements of src, stride apart, to numbers that are in the order
// of the elements: NaN behind all others, and -0 equal to 0. If descending, the
// order is turned round.
func Keys[T Number](keys []uint64, src []T, stride int, descending bool) {
	turn := uint64(0)
	if descending {
		turn = ^turn
	}
	var zero, one T = 0, 1
	switch {
	case one/2 != 0: // floats
		for i := range keys {
			keys[i] = floatKey(float64(src[i*stride])) ^ turn
		}
	case zero-one > 0: // unsigned
		for i := range keys {
			keys[i] = uint64(src[i*stride]) ^ turn
		}
	default:
		for i := range keys {
			keys[i] = uint64(src[i*stride]) ^ 1<<63 ^ turn
		}
	}
}

func floatKey(v float64) uint64 {
	if v != v {
		return ^uint64(0)
	}
	b := math.Float64bits(v + 0) // -0 + 0 is 0
	if b>>63 == 1 {
		return ^b
	}
	return b | 1<<63
}

// insertionMax is the number of keys up to which insertion is the faster way.
const insertionMax = 40

// SortKeys sorts keys, ascending and stable, and with them order, where the
// keys were. tmpKeys and tmpOrder have the same length.
func SortKeys(keys, tmpKeys []uint64, order, tmpOrder []int64) {
	for i := range order {
		order[i] = int64(i)
	}
	if len(keys) <= insertionMax {
		for i := 1; i < len(keys); i++ {
			k, o, j := keys[i], order[i], i
			for ; j > 0 && keys[j-1] > k; j-- {
				keys[j], order[j] = keys[j-1], order[j-1]
			}
			keys[j], order[j] = k, o
		}
		return
	}
	// By bytes, the lowest first. Bytes that all keys share are passed over.
	var count [8][256]int32
	for _, k := range keys {
		for b := range count {
			count[b][byte(k>>(8*b))]++
		}
	}
	from, to, fromOrder, toOrder := keys, tmpKeys, order, tmpOrder
	for b := range count {
		c := &count[b]
		if int(c[byte(keys[0]>>(8*b))]) == len(keys) {
			continue
		}
		at := int32(0)
		for i, n := range c {
			c[i] = at
			at += n
		}
		for i, k := range from {
			p := &c[byte(k>>(8*b))]
			to[*p], toOrder[*p] = k, fromOrder[i]
			*p++
		}
		from, to, fromOrder, toOrder = to, from, toOrder, fromOrder
	}
	if &from[0] != &keys[0] {
		copy(keys, from)
		copy(order, fromOrder)
	}
}

// Smallest finds the len(order) smallest of keys: their places, in the order of
// the keys, equal ones in that of the places. best has the length of order.
func Smallest(order []int64, best, keys []uint64) {
	// A heap of the smallest so far with the largest of them, and of equal keys
	// the one furthest behind, on top.
	n := len(order)
	if n == 0 {
		return
	}
	after := func(i, j int) bool { return best[i] > best[j] || best[i] == best[j] && order[i] > order[j] }
	down := func(i, n int) {
		for {
			c := 2*i + 1
			if c >= n {
				return
			}
			if c+1 < n && after(c+1, c) {
				c++
			}
			if !after(c, i) {
				return
			}
			best[i], best[c] = best[c], best[i]
			order[i], order[c] = order[c], order[i]
			i = c
		}
	}
	copy(best, keys)
	for i := range order {
		order[i] = int64(i)
	}
	for i := n/2 - 1; i >= 0; i-- {
		down(i, n)
	}
	for i := n; i < len(keys); i++ {
		if keys[i] < best[0] {
			best[0], order[0] = keys[i], int64(i)
			down(0, n)
		}
	}
	for i := n - 1; i > 0; i-- {
		best[0], best[i] = best[i], best[0]
		order[0], order[i] = order[i], order[0]
		down(0, i)
	}
}

// SearchSorted sets dst[i] to the number of elements of row, which rises, that
// are smaller than values[i], or not larger if right; NaN goes to the end.
func SearchSorted[T Number](dst []int64, values, row []T, right bool) {
	for i, v := range values {
		lo, hi := 0, len(row)
		for lo < hi {
			mid := int(uint(lo+hi) >> 1)
			if r := row[mid]; r > v || r == v && !right || r != r && v == v {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		dst[i] = int64(lo)
	}
}
