package jpeg

import (
	"bytes"
	"encoding/binary"
	"slices"
)

// A segment is the part of a scan between two restarts.
type segment struct{ from, to int }

// Decode stores the pixels of a rectangle in dst, row by row, Channels bytes
// each. It is called once after Open.
//
// The whole file is looked through, so that one that is cut off is an error
// whatever the rectangle.
func (d *Decoder) Decode(dst []byte, r Rect) error {
	h := d.header
	if r.X0 < 0 || r.Y0 < 0 || r.X1 > h.Width || r.Y1 > h.Height || r.X0 >= r.X1 || r.Y0 >= r.Y1 {
		return errorf(0, "rectangle %v of an image of %d x %d pixels", r, h.Width, h.Height)
	}
	if want := (r.X1 - r.X0) * (r.Y1 - r.Y0) * h.Channels; len(dst) != want {
		return errorf(0, "internal error: %d bytes for %d", len(dst), want)
	}
	if err := d.prepare(r); err != nil {
		return err
	}
	for scans := 0; ; {
		at := d.at
		mark, body, err := d.segment()
		if err != nil {
			return err
		}
		switch {
		case mark == markSOS:
			scans++
			// Every scan of a hostile file may touch all coefficients.
			if scans > 256 {
				return errorf(at, "more than 256 scans")
			}
			if err := d.readScan(at, body); err != nil {
				return err
			}
		case mark == markEOI:
			if scans == 0 {
				return errorf(at, "no scan before the end")
			}
			if d.header.Progressive {
				if err := d.transformAll(); err != nil {
					return err
				}
			}
			d.render(dst, r)
			return nil
		case mark >= markSOF0 && mark <= markSOF && mark != markDHT && mark != markDAC:
			return errorf(at, "a second frame")
		default:
			if err := d.tables(at, mark, body); err != nil {
				return err
			}
		}
	}
}

// prepare makes memory ready for the units that a rectangle needs: those that
// cover it, and one more sample of colour at each side for smooth upsampling.
func (d *Decoder) prepare(r Rect) error {
	// Every block of a component takes a bit at least.
	if blocks := d.components[0].blocksX * d.components[0].blocksY; blocks > 8*len(d.file) {
		return errorf(0, "%d x %d pixels in %d bytes", d.header.Width, d.header.Height, len(d.file))
	}
	w, h := 8*d.hMax, 8*d.vMax
	d.ux0, d.uy0 = max(0, (r.X0-d.hMax)/w), max(0, (r.Y0-d.vMax)/h)
	d.ux1, d.uy1 = min(d.mcusX, ceil(r.X1+d.hMax, w)), min(d.mcusY, ceil(r.Y1+d.vMax, h))
	for i := range d.components {
		c := &d.components[i]
		c.x0, c.y0 = d.ux0*c.h*8, d.uy0*c.v*8
		c.stride = (d.ux1 - d.ux0) * c.h * 8
		c.samples = grow(c.samples, c.stride*(d.uy1-d.uy0)*c.v*8+slack)
		clear(c.samples) // a file may leave a component out
		if d.header.Progressive {
			c.coefficients = grow(c.coefficients, c.blocksX*c.blocksY*64)
			clear(c.coefficients)
		}
	}
	return nil
}

// grow returns a slice of n elements, s itself if it is large enough.
func grow[T any](s []T, n int) []T {
	return slices.Grow(s[:0], n)[:n]
}

// A band is what a scan brings of each block: the coefficients from first to
// last, of which the bits above low (high is 0) or the bit low alone.
type band struct{ first, last, high, low int }

// readScan reads the header of a scan and the scan.
func (d *Decoder) readScan(at int, b []byte) error {
	if len(b) < 1 || b[0] < 1 || int(b[0]) > len(d.components) || len(b) != 4+2*int(b[0]) {
		return errorf(at, "a scan header of %d bytes", len(b))
	}
	n := int(b[0])
	var parts [4]*component
	units := 0
	for i := range n {
		id := b[1+2*i]
		k := slices.IndexFunc(d.components, func(c component) bool { return c.id == id })
		if k < 0 {
			return errorf(at, "a scan of component %d, which the frame lacks", id)
		}
		c := &d.components[k]
		if slices.Contains(parts[:i], c) {
			return errorf(at, "a scan has component %d twice", id)
		}
		c.dc, c.ac = int(b[2+2*i]>>4), int(b[2+2*i]&15)
		if c.dc > 3 || c.ac > 3 {
			return errorf(at, "a scan with Huffman tables %d and %d", c.dc, c.ac)
		}
		parts[i] = c
		units += c.h * c.v
	}
	if n > 1 && units > 10 {
		return errorf(at, "%d blocks in a unit, 10 are allowed", units)
	}
	g := band{int(b[1+2*n]), int(b[2+2*n]), int(b[3+2*n] >> 4), int(b[3+2*n] & 15)}
	if !d.header.Progressive {
		g = band{0, 63, 0, 0}
	} else if g.last > 63 || g.first > g.last || g.first == 0 && g.last != 0 || g.first > 0 && n > 1 ||
		g.low > 13 || g.high != 0 && g.high != g.low+1 {
		return errorf(at, "a scan of coefficients %d to %d, bits %d to %d", g.first, g.last, g.high, g.low)
	}
	for _, c := range parts[:n] {
		// A scan that refines DC coefficients has no codes.
		if g.first == 0 && g.high == 0 && !d.dc[c.dc].defined || g.last > 0 && !d.ac[c.ac].defined {
			return errorf(at, "a scan before its Huffman table")
		}
		if !d.header.Progressive && !d.quant[c.quant].defined {
			return errorf(at, "a scan before its quantization table")
		}
	}
	if err := d.unstuff(); err != nil {
		return err
	}
	if d.header.Progressive {
		return d.progressive(at, parts[:n], g)
	}
	return d.sequential(at, parts[:n])
}

// unstuff copies the bytes of a scan, the zeros after 0xFF left out, and notes
// where it restarts. d.at is the marker that ends it then.
func (d *Decoder) unstuff() error {
	d.scan = slices.Grow(d.scan[:0], len(d.file)-d.at)
	d.segments = d.segments[:0]
	begin := d.at
	f := d.file[d.at:]
	from, next := 0, byte(markRST0)
	for {
		i := bytes.IndexByte(f, 0xFF)
		if i < 0 || i+1 >= len(f) {
			return errorf(len(d.file), "the file ends within a scan that began at byte %d", begin)
		}
		d.scan = append(d.scan, f[:i]...)
		switch mark := f[i+1]; {
		case mark == 0:
			d.scan = append(d.scan, 0xFF)
			f = f[i+2:]
		case mark == 0xFF: // filling before a marker
			f = f[i+1:]
		case mark == next && d.interval > 0:
			d.segments = append(d.segments, segment{from, len(d.scan)})
			from = len(d.scan)
			next = markRST0 + (next+1)&7
			f = f[i+2:]
		case mark >= markRST0 && mark <= markRST7:
			return errorf(len(d.file)-len(f)+i, "restart %d is out of turn", mark-markRST0)
		default:
			d.segments = append(d.segments, segment{from, len(d.scan)})
			d.at = len(d.file) - len(f) + i
			return nil
		}
	}
}

// A walk goes through the units of a scan.
type walk struct {
	bits
	d     *Decoder
	at    int // of the scan, for messages
	index int // of the next segment
	left  int // units before a restart
}

// restart begins a segment where one is due; again tells that it did.
func (w *walk) restart() (again bool, err error) {
	if w.left > 0 {
		w.left--
		return false, nil
	}
	if w.over() {
		return false, w.ended()
	}
	if w.index >= len(w.d.segments) {
		return false, errorf(w.at, "the scan that begins here lacks restarts after %d", w.index)
	}
	s := w.d.segments[w.index]
	w.bits = bits{data: w.d.scan[s.from:s.to]}
	w.index++
	w.left = w.d.interval - 1
	if w.d.interval == 0 {
		w.left = w.d.mcusX*w.d.mcusY*16 + 1
	}
	return true, nil
}

func (w *walk) ended() error {
	return errorf(w.at, "the scan that begins here ends before its last block")
}

func (w *walk) noCode() error {
	if w.over() {
		return w.ended()
	}
	return errorf(w.at, "the scan that begins here has a code that no table holds")
}

// sequential reads a scan of whole blocks and transforms those that are needed.
func (d *Decoder) sequential(at int, parts []*component) error {
	w := walk{d: d, at: at}
	var block [64]int32
	var dc [4]int32
	if len(parts) == 1 {
		// Blocks alone, without those that only fill units.
		c := parts[0]
		bx1, by1 := ceil(c.width, 8), ceil(c.height, 8)
		for by := range min(by1, d.uy1*c.v) {
			for bx := range bx1 {
				again, err := w.restart()
				if err != nil {
					return err
				}
				if again {
					dc[0] = 0
				}
				if err := w.block(&block, c, &dc[0], bx, by); err != nil {
					return err
				}
			}
		}
		if w.over() {
			return w.ended()
		}
		return nil
	}
	for uy := range d.uy1 {
		for ux := range d.mcusX {
			again, err := w.restart()
			if err != nil {
				return err
			}
			if again {
				dc = [4]int32{}
			}
			for i, c := range parts {
				for j := range c.v {
					for k := range c.h {
						if err := w.block(&block, c, &dc[i], ux*c.h+k, uy*c.v+j); err != nil {
							return err
						}
					}
				}
			}
		}
	}
	if w.over() {
		return w.ended()
	}
	return nil
}

// block reads one block and transforms it into its place, if it has one.
func (w *walk) block(block *[64]int32, c *component, dc *int32, bx, by int) error {
	d := w.d
	x, y := bx*8-c.x0, by*8-c.y0
	q := &d.quant[c.quant].steps
	mask, ok := w.coefficients(block, &d.dc[c.dc], &d.ac[c.ac], q, dc)
	if !ok {
		return w.noCode()
	}
	if x >= 0 && x < c.stride && y >= 0 && y < (d.uy1-d.uy0)*c.v*8 {
		transform(c.samples[y*c.stride+x:], c.stride, block, mask)
	}
	// Only what was written is not zero.
	if mask>>32 != 0 {
		*block = [64]int32{}
	} else {
		*(*[32]int32)(block[:32]) = [32]int32{}
	}
	return nil
}

// coefficients reads a block, times its quantization steps. Bit i of mask
// tells that block[i] is not zero; bit 0 is always set.
func (w *walk) coefficients(block *[64]int32, dcTable, acTable *huffman, q *[80]uint32, dc *int32) (mask uint64, ok bool) {
	s, ok := w.symbol(dcTable)
	if !ok || s > 16 {
		return 0, false
	}
	*dc += extend(w.take(uint(s)), uint(s))
	block[0] = *dc * int32(q[0]>>8)
	mask = 1

	// The state of the reader lives in registers while the block lasts.
	data, pos, acc, n := w.data, w.pos, w.acc, w.n
	for k := 1; k < 64; {
		if n < 32 {
			if pos+8 <= len(data) {
				acc |= binary.BigEndian.Uint64(data[pos:]) >> n
				pos += int(63-n) >> 3
				n |= 56
			} else {
				b := bits{data, pos, acc, n}
				b.fill()
				pos, acc, n = b.pos, b.acc, b.n
			}
		}
		e := acTable.fast[acc>>(64-fastBits)]
		v := int32(e) >> 16
		if v != 0 {
			acc <<= e & 63
			n -= uint(e & 63)
			k += int(e >> 8 & 15)
		} else {
			run, size := int(e>>8&15), uint(e>>12&15)
			if e != 0 {
				acc <<= e & 63
				n -= uint(e & 63)
			} else {
				symbol, length := acTable.slow(acc)
				if length == 0 {
					w.pos, w.acc, w.n = pos, acc, n
					return 0, false
				}
				acc <<= length
				n -= length
				run, size = int(symbol>>4), uint(symbol&15)
			}
			if size == 0 {
				if run != 15 {
					break
				}
				k += 16
				continue
			}
			v = extend(int32(acc>>32>>(32-size)), size)
			acc <<= size
			n -= size
			k += run
		}
		step := q[k]
		at := step & 63
		block[at] = v * int32(step>>8)
		mask |= 1 << at
		k++
	}
	w.pos, w.acc, w.n = pos, acc, n
	return mask, true
}
