package kernel

// A gather is what a correlation and the gradient by the weight share: the
// cut of the results into units, and the view of the source for a unit, in
// which rows carry the padding that the strips read.
//
// A unit is some neighbouring rows y0 to y1 of one plane of one image of the
// results. Its view has the planes and rows of the source that the unit
// reads; rows that are padding alone are no part of it, since no tap asks for
// them.
type gather struct {
	images, channels int // of the source
	axes             [3]axis
	z, y             []span // by result
	x                []strip

	left, width int  // columns of padding before a row of the view, and its length
	framed      bool // rows need padding: the view is a copy, else the source itself
	frame       int  // floats of a copy
	rows        int  // most rows of a unit
	perPlane    int  // units of a plane
	units       int
}

const (
	// unitNanos is the work of a unit where the image is large enough.
	unitNanos = 40_000
	// frameElements bounds the view of a unit: a quarter of the second cache.
	frameElements = 128 << 10
)

// newGather cuts results of which a row takes rowNanos. The strips tell what
// is read of a row.
func newGather(images, channels int, axes [3]axis, strips []strip, rowNanos float64) gather {
	g := gather{
		images: images, channels: channels, axes: axes,
		z: axes[0].spans(), y: axes[1].spans(), x: strips,
	}
	x := &axes[2]
	first, last := 0, x.source
	for _, s := range g.x {
		if s.taps > 0 {
			first = min(first, s.source)
			last = max(last, s.source+(s.m*s.reps-1)*s.sourceStep+(s.taps-1)*x.tapStep+1)
		}
	}
	g.left, g.width = -first, last-first
	g.framed = g.width > x.source

	ys := axes[1].result
	if ys == 0 || len(g.z) == 0 {
		return g
	}
	g.rows = min(ys, max(1, int(unitNanos/max(rowNanos, 1))))
	for g.rows > 1 && g.viewSize() > frameElements {
		g.rows = (g.rows + 1) / 2
	}
	g.perPlane = ceil(ys, g.rows)
	g.rows = ceil(ys, g.perPlane)
	g.perPlane = ceil(ys, g.rows)
	g.units = images * len(g.z) * g.perPlane
	if g.framed {
		g.frame = roundUp(g.viewSize(), alignment)
	}
	return g
}

// viewSize is the number of floats of the largest view of a unit.
func (g *gather) viewSize() int {
	planes, rows := 0, 0
	for _, s := range g.z {
		planes = max(planes, s.taps)
	}
	for y0 := range g.y {
		lo, hi := g.sourceRows(y0, min(y0+g.rows, len(g.y)))
		rows = max(rows, hi-lo)
	}
	return planes * rows * g.width * g.channels
}

// sourceRows returns the rows of the source that results y0 to y1 read.
func (g *gather) sourceRows(y0, y1 int) (lo, hi int) {
	lo, hi = g.axes[1].source, 0
	for _, s := range g.y[y0:y1] {
		if s.taps > 0 {
			lo = min(lo, s.source)
			hi = max(hi, s.source+(s.taps-1)*g.axes[1].tapStep+1)
		}
	}
	return min(lo, hi), hi
}

// A view is the source as the results of one unit see it.
type view struct {
	image, z, y0, y1 int // of the unit

	data   []float32
	row0   int // row of the source at the start of a plane
	row    int // floats from row to row
	plane  int // floats from plane of a tap to the plane of the next
	origin int // element of data for plane 0, row row0, column 0, channel 0
}

// at returns the element of a tap plane, counted within the unit's span, and
// of a row and column of the source, which may be in the padding.
func (v *view) at(plane, y, x, channels int) int {
	return v.origin + plane*v.plane + (y-v.row0)*v.row + x*channels
}

// view returns the view of a unit of src; frame is memory for a copy.
func (g *gather) view(src, frame []float32, unit int) view {
	u, part := unit/g.perPlane, unit%g.perPlane
	v := view{image: u / len(g.z), z: u % len(g.z), y0: part * g.rows}
	v.y1 = min(v.y0+g.rows, len(g.y))
	lo, hi := g.sourceRows(v.y0, v.y1)
	s := g.z[v.z]
	zs, ys, xs := g.axes[0].source, g.axes[1].source, g.axes[2].source
	row := xs * g.channels
	plane := ys * row
	v.row0 = lo
	if !g.framed {
		v.data, v.row, v.plane = src, row, g.axes[0].tapStep*plane
		v.origin = (v.image*zs+s.source)*plane + lo*row
		return v
	}
	v.data, v.row = frame, g.width*g.channels
	v.plane = (hi - lo) * v.row
	v.origin = g.left * g.channels
	for p := range s.taps {
		from := src[(v.image*zs+s.source+p*g.axes[0].tapStep)*plane:]
		for y := lo; y < hi; y++ {
			to := frame[p*v.plane+(y-lo)*v.row:][:v.row]
			clear(to[:v.origin])
			copy(to[v.origin:], from[y*row:][:row])
			clear(to[v.origin+row:])
		}
	}
	return v
}
