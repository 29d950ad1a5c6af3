package jpeg

// progressive reads a scan that brings a band of coefficients, or one more bit
// of them. Source: ITU-T T.81, annex G.
func (d *Decoder) progressive(at int, parts []*component, g band) error {
	w := walk{d: d, at: at}
	var dc [4]int32
	run := 0 // blocks that still lack all of the band
	if len(parts) == 1 {
		c := parts[0]
		bx1, by1 := ceil(c.width, 8), ceil(c.height, 8)
		for by := range by1 {
			for bx := range bx1 {
				again, err := w.restart()
				if err != nil {
					return err
				}
				if again {
					dc[0], run = 0, 0
				}
				if !w.refine(c, g, &dc[0], &run, bx, by) {
					return w.noCode()
				}
			}
			if w.over() {
				return w.ended()
			}
		}
		return nil
	}
	for uy := range d.mcusY {
		for ux := range d.mcusX {
			again, err := w.restart()
			if err != nil {
				return err
			}
			if again {
				dc, run = [4]int32{}, 0
			}
			for i, c := range parts {
				for j := range c.v {
					for k := range c.h {
						if !w.refine(c, g, &dc[i], &run, ux*c.h+k, uy*c.v+j) {
							return w.noCode()
						}
					}
				}
			}
		}
		if w.over() {
			return w.ended()
		}
	}
	return nil
}

// refine reads what a scan has of one block.
func (w *walk) refine(c *component, g band, dc *int32, run *int, bx, by int) bool {
	block := (*[64]int16)(c.coefficients[(by*c.blocksX+bx)*64:])
	switch {
	case g.first == 0 && g.high == 0:
		s, ok := w.symbol(&w.d.dc[c.dc])
		if !ok || s > 16 {
			return false
		}
		*dc += extend(w.take(uint(s)), uint(s))
		block[0] = int16(*dc << g.low)
		return true
	case g.first == 0:
		block[0] |= int16(w.take(1) << g.low)
		return true
	case g.high == 0:
		return w.first(block, &w.d.ac[c.ac], g, run)
	}
	return w.more(block, &w.d.ac[c.ac], g, run)
}

// code returns a symbol of a table of AC coefficients, and the number where
// the table holds it; its size is 0 then.
func (w *walk) code(t *huffman) (run int, size uint, value int32, ok bool) {
	if w.n < 32 {
		w.fill()
	}
	if e := t.fast[w.acc>>(64-fastBits)]; e != 0 {
		w.acc <<= e & 63
		w.n -= uint(e & 63)
		return int(e >> 8 & 15), uint(e >> 12 & 15), int32(e) >> 16, true
	}
	s, length := t.slow(w.acc)
	w.acc <<= length
	w.n -= length
	return int(s >> 4), uint(s & 15), 0, length > 0
}

// first reads the band's upper bits.
func (w *walk) first(block *[64]int16, t *huffman, g band, run *int) bool {
	if *run > 0 {
		*run--
		return true
	}
	for k := g.first; k <= g.last; k++ {
		r, size, v, ok := w.code(t)
		if !ok {
			return false
		}
		if size == 0 && v == 0 {
			if r < 15 {
				*run = 1<<r + int(w.take(uint(r))) - 1
				return true
			}
			k += 15
			continue
		}
		if v == 0 {
			v = extend(w.take(size), size)
		}
		k += r
		if k > 63 {
			return false
		}
		block[k] = int16(v << g.low)
	}
	return true
}

// more reads one bit more of the band's coefficients that are not zero, and
// the ones that it makes so.
func (w *walk) more(block *[64]int16, t *huffman, g band, run *int) bool {
	plus, minus := int16(1)<<g.low, int16(-1)<<g.low
	correct := func(k int) {
		if w.take(1) != 0 && block[k]&plus == 0 {
			if block[k] >= 0 {
				block[k] += plus
			} else {
				block[k] += minus
			}
		}
	}
	k := g.first
	if *run == 0 {
		for ; k <= g.last; k++ {
			r, size, v, ok := w.code(t)
			if !ok {
				return false
			}
			switch {
			case size == 0 && v == 0 && r < 15:
				*run = 1<<r + int(w.take(uint(r)))
			case size == 1:
				v = extend(w.take(1), 1)
			case size > 1 || v > 1 || v < -1:
				return false
			}
			if *run > 0 {
				break
			}
			// r zeros that stay so are passed; others take their bit.
			for ; k <= g.last; k++ {
				if block[k] != 0 {
					correct(k)
				} else if r == 0 {
					break
				} else {
					r--
				}
			}
			if v != 0 && k <= g.last {
				block[k] = int16(v) * plus
			}
		}
	}
	if *run > 0 {
		for ; k <= g.last; k++ {
			if block[k] != 0 {
				correct(k)
			}
		}
		*run--
	}
	return true
}

// transformAll transforms the blocks of a progressive file that are needed.
func (d *Decoder) transformAll() error {
	var block [64]int32
	for i := range d.components {
		c := &d.components[i]
		q := &d.quant[c.quant]
		if !q.defined {
			return errorf(d.at, "component %d lacks its quantization table", i)
		}
		for by := d.uy0 * c.v; by < d.uy1*c.v; by++ {
			for bx := d.ux0 * c.h; bx < d.ux1*c.h; bx++ {
				coefficients := (*[64]int16)(c.coefficients[(by*c.blocksX+bx)*64:])
				mask := uint64(1)
				for k, v := range coefficients {
					at := q.steps[k] & 63
					block[at] = int32(v) * int32(q.steps[k]>>8)
					if v != 0 {
						mask |= 1 << at
					}
				}
				transform(c.samples[(by*8-c.y0)*c.stride+bx*8-c.x0:], c.stride, &block, mask)
			}
		}
	}
	return nil
}
