package inference

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/inference/pb"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A datatype is an element type of the protocol.
type datatype struct {
	name   string
	size   int         // of an element in memory; 0 for BYTES
	dtype  dtype.DType // of the tensor that holds it here
	config pb.DataType // its name in a model's configuration
	low    int64       // the range of an integer that is held as a wider one
	high   int64
}

var datatypes = []datatype{
	{name: "FP32", size: 4, dtype: dtype.Float32, config: pb.DataType_TYPE_FP32},
	{name: "FP64", size: 8, dtype: dtype.Float64, config: pb.DataType_TYPE_FP64},
	{name: "FP16", size: 2, dtype: dtype.Float16, config: pb.DataType_TYPE_FP16},
	{name: "BF16", size: 2, dtype: dtype.BFloat16, config: pb.DataType_TYPE_BF16},
	{name: "BOOL", size: 1, dtype: dtype.Bool, config: pb.DataType_TYPE_BOOL},
	{name: "UINT8", size: 1, dtype: dtype.Uint8, config: pb.DataType_TYPE_UINT8},
	{name: "UINT32", size: 4, dtype: dtype.Uint32, config: pb.DataType_TYPE_UINT32},
	{name: "UINT64", size: 8, dtype: dtype.Uint64, config: pb.DataType_TYPE_UINT64},
	{name: "INT32", size: 4, dtype: dtype.Int32, config: pb.DataType_TYPE_INT32},
	{name: "INT64", size: 8, dtype: dtype.Int64, config: pb.DataType_TYPE_INT64},
	{name: "INT8", size: 1, dtype: dtype.Int32, config: pb.DataType_TYPE_INT8, low: math.MinInt8, high: math.MaxInt8},
	{name: "INT16", size: 2, dtype: dtype.Int32, config: pb.DataType_TYPE_INT16, low: math.MinInt16, high: math.MaxInt16},
	{name: "UINT16", size: 2, dtype: dtype.Int32, config: pb.DataType_TYPE_UINT16, high: math.MaxUint16},
	bytesType,
}

var bytesType = datatype{name: "BYTES", config: pb.DataType_TYPE_STRING}

// parseDatatype finds a datatype by its name.
func parseDatatype(name string) (datatype, error) {
	i := slices.IndexFunc(datatypes, func(d datatype) bool { return d.name == name })
	if i < 0 {
		return datatype{}, engine.Errorf(engine.Invalid, "there is no datatype %.20q; BOOL, INT8 to INT64, UINT8 to UINT64, FP16, FP32, FP64, BF16 and BYTES are", name)
	}
	return datatypes[i], nil
}

// datatypeOf is that of a tensor of ours: the first of the list that is held as
// one.
func datatypeOf(dt dtype.DType) datatype {
	return datatypes[slices.IndexFunc(datatypes, func(d datatype) bool { return d.dtype == dt })]
}

// count is the number of elements of a shape as it came. There may not be more
// than an int can tell the bytes of.
func count(dims []int) (int, error) {
	n := 1
	for _, d := range dims {
		if d < 0 {
			return 0, engine.Errorf(engine.Invalid, "shape %v has a negative extent", dims)
		}
		if d > 0 && n > math.MaxInt/8/d {
			return 0, engine.Errorf(engine.Invalid, "shape %v has too many elements", dims)
		}
		n *= max(d, 1)
	}
	if slices.Contains(dims, 0) {
		return 0, nil
	}
	return n, nil
}

// fromBytes makes a tensor of elements as they lie in memory, little-endian, as
// all machines are that this runs on. It shares the memory where that is aligned
// and of a type that we have.
func (d datatype) fromBytes(s shape.Shape, b []byte) (*tensor.Tensor, error) {
	if want := s.Size() * d.size; len(b) != want {
		return nil, engine.Errorf(engine.Invalid, "%s%v takes %d bytes, got %d", d.name, s, want, len(b))
	}
	if d.high > 0 {
		t := tensor.New(d.dtype, s)
		for i := range t.Size() {
			var x int64
			switch {
			case d.size == 1:
				x = int64(int8(b[i]))
			case d.low < 0:
				x = int64(int16(binary.LittleEndian.Uint16(b[2*i:])))
			default:
				x = int64(binary.LittleEndian.Uint16(b[2*i:]))
			}
			t.SetInt(i, x)
		}
		return t, nil
	}
	if d.dtype == dtype.Bool {
		for i, x := range b {
			if x > 1 {
				return nil, engine.Errorf(engine.Invalid, "element %d of a BOOL is %d, want 0 or 1", i, x)
			}
		}
	}
	if t, err := tensor.FromBytes(d.dtype, s, b); err == nil {
		return t, nil
	}
	t := tensor.New(d.dtype, s) // where the memory is not aligned
	copy(t.Bytes(), b)
	return t, nil
}

// check refuses integers beyond the range of one that is held as a wider one.
func (d datatype) check(t *tensor.Tensor) error {
	if d.high == 0 {
		return nil
	}
	for i, x := range tensor.Data[int32](t) {
		if int64(x) < d.low || int64(x) > d.high {
			return engine.Errorf(engine.Invalid, "element %d is %d, which is no %s", i, x, d.name)
		}
	}
	return nil
}

// splitBytes takes n strings apart, each with its length before it.
func splitBytes(b []byte, n int) ([][]byte, error) {
	if n > len(b)/4 {
		return nil, engine.Errorf(engine.Invalid, "%d elements of BYTES take %d bytes for their lengths alone, got %d", n, 4*n, len(b))
	}
	list := make([][]byte, n)
	for i := range list {
		if len(b) < 4 {
			return nil, engine.Errorf(engine.Invalid, "the BYTES end before element %d", i)
		}
		size := binary.LittleEndian.Uint32(b)
		b = b[4:]
		if uint64(size) > uint64(len(b)) {
			return nil, engine.Errorf(engine.Invalid, "element %d of the BYTES has %d bytes, and only %d are left", i, size, len(b))
		}
		list[i], b = b[:size:size], b[size:]
	}
	if len(b) > 0 {
		return nil, engine.Errorf(engine.Invalid, "%d bytes follow the last element of the BYTES", len(b))
	}
	return list, nil
}

// appendBytes is the opposite.
func appendBytes(dst []byte, list []string) []byte {
	for _, s := range list {
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(s)))
		dst = append(dst, s...)
	}
	return dst
}
