package tensorflow

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/columns"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/tensorflow/pb"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// mostRepeated bounds the bytes that the last element of a short list makes. All
// other tensors are no larger than the message that they come in.
const mostRepeated = 1 << 20

// arrayOf reads a tensor. Types of 8 and 16 bits that Gradus does not have become
// int32.
func arrayOf(p *pb.TensorProto) (columns.Array, error) {
	s, err := shapeOf(p.GetTensorShape())
	if err != nil {
		return columns.Array{}, err
	}
	if p.GetDtype() == pb.DataType_DT_STRING {
		if len(p.GetTensorContent()) > 0 {
			return columns.Array{}, fmt.Errorf("strings stand in string_val, and not in tensor_content")
		}
		values, err := spread(p.GetStringVal(), s, 24)
		return columns.Array{Strings: values, Shape: s.Dims()}, err
	}
	t, err := numbersOf(p, s)
	return columns.Array{Numbers: t}, err
}

// shapeOf reads the extents of a tensor.
func shapeOf(p *pb.TensorShapeProto) (shape.Shape, error) {
	if p.GetUnknownRank() {
		return shape.Shape{}, fmt.Errorf("has no shape")
	}
	if n := len(p.GetDim()); n > shape.MaxRank {
		return shape.Shape{}, fmt.Errorf("has %d axes, at most %d are taken", n, shape.MaxRank)
	}
	var dims []int
	for _, d := range p.GetDim() {
		if d.GetSize() > math.MaxInt32 {
			return shape.Shape{}, fmt.Errorf("has an extent of %d, at most %d are taken", d.GetSize(), math.MaxInt32)
		}
		dims = append(dims, int(d.GetSize()))
	}
	s, err := shape.Make(dims...)
	if err != nil {
		return s, fmt.Errorf("has shape %v, which no tensor has", dims)
	}
	return s, nil
}

// numbersOf reads the elements of a tensor.
func numbersOf(p *pb.TensorProto, s shape.Shape) (*tensor.Tensor, error) {
	switch p.GetDtype() {
	case pb.DataType_DT_FLOAT:
		return read(p, s, 4, p.GetFloatVal(), asIs[float32])
	case pb.DataType_DT_DOUBLE:
		return read(p, s, 8, p.GetDoubleVal(), asIs[float64])
	case pb.DataType_DT_INT64:
		return read(p, s, 8, p.GetInt64Val(), asIs[int64])
	case pb.DataType_DT_INT32:
		return read(p, s, 4, p.GetIntVal(), asIs[int32])
	case pb.DataType_DT_UINT32:
		return read(p, s, 4, p.GetUint32Val(), asIs[uint32])
	case pb.DataType_DT_UINT64:
		return read(p, s, 8, p.GetUint64Val(), asIs[uint64])
	case pb.DataType_DT_BOOL:
		t, err := read(p, s, 1, p.GetBoolVal(), asIs[bool])
		if err == nil && len(p.GetTensorContent()) > 0 {
			for i, b := range t.Bytes() { // any byte may have come
				t.Bytes()[i] = min(b, 1)
			}
		}
		return t, err
	case pb.DataType_DT_UINT8:
		return read(p, s, 1, p.GetIntVal(), within[uint8])
	case pb.DataType_DT_HALF:
		return read(p, s, 2, p.GetHalfVal(), bits[dtype.F16])
	case pb.DataType_DT_BFLOAT16:
		return read(p, s, 2, p.GetHalfVal(), bits[dtype.BF16])
	case pb.DataType_DT_INT8:
		return widened(p, s, func(b []byte) int32 { return int32(int8(b[0])) }, 1, within[int8])
	case pb.DataType_DT_INT16:
		return widened(p, s, func(b []byte) int32 { return int32(int16(b[0]) | int16(b[1])<<8) }, 2, within[int16])
	case pb.DataType_DT_UINT16:
		return widened(p, s, func(b []byte) int32 { return int32(b[0]) | int32(b[1])<<8 }, 2, within[uint16])
	}
	return nil, fmt.Errorf("tensors of %v are not taken", p.GetDtype())
}

// read makes a tensor of tensor_content, or of a list whose elements are
// converted one by one.
func read[L any, T dtype.Go](p *pb.TensorProto, s shape.Shape, size int, list []L, convert func(L) (T, error)) (*tensor.Tensor, error) {
	if content := p.GetTensorContent(); len(content) > 0 {
		if err := wantContent(p, s, size); err != nil {
			return nil, err
		}
		t := tensor.New(dtype.Of[T](), s)
		copy(t.Bytes(), content)
		return t, nil
	}
	list, err := spread(list, s, size)
	if err != nil {
		return nil, err
	}
	t := tensor.New(dtype.Of[T](), s)
	y := tensor.Data[T](t)
	for i, x := range list {
		if y[i], err = convert(x); err != nil {
			return nil, fmt.Errorf("element %d: %v", i, err)
		}
	}
	return t, nil
}

// widened makes an int32 tensor of a type that Gradus does not have.
func widened[T int8 | int16 | uint16](p *pb.TensorProto, s shape.Shape, element func([]byte) int32, size int, check func(int32) (T, error)) (*tensor.Tensor, error) {
	content := p.GetTensorContent()
	if len(content) == 0 {
		return read(p, s, 4, p.GetIntVal(), func(x int32) (int32, error) {
			_, err := check(x)
			return x, err
		})
	}
	if err := wantContent(p, s, size); err != nil {
		return nil, err
	}
	t := tensor.New(dtype.Int32, s)
	y := tensor.Data[int32](t)
	for i := range y {
		y[i] = element(content[i*size:])
	}
	return t, nil
}

func wantContent(p *pb.TensorProto, s shape.Shape, size int) error {
	if got, want := len(p.GetTensorContent()), s.Size()*size; got != want {
		return fmt.Errorf("tensor_content has %d bytes, want %d for %v%v", got, want, p.GetDtype(), s)
	}
	return nil
}

// spread makes a list as long as a shape wants: a short one repeats its last
// element, an empty one is zeros.
func spread[L any](list []L, s shape.Shape, size int) ([]L, error) {
	n := s.Size()
	switch {
	case len(list) == n:
		return list, nil
	case len(list) > n:
		return nil, fmt.Errorf("has %d values, want %d for shape %v", len(list), n, s)
	case n > mostRepeated/size:
		return nil, engine.Errorf(engine.TooLarge, "has %d values for shape %v; at most %d bytes are made by repeating the last one", len(list), s, mostRepeated)
	}
	full := make([]L, n)
	for i := copy(full, list); i < n && len(list) > 0; i++ {
		full[i] = list[len(list)-1]
	}
	return full, nil
}

func asIs[T any](x T) (T, error) { return x, nil }

// within is an int32 that must fit into a smaller type.
func within[T int8 | uint8 | int16 | uint16](x int32) (T, error) {
	if y := T(x); int32(y) == x {
		return y, nil
	}
	var zero T
	return 0, fmt.Errorf("%d is no %T", x, zero)
}

// bits are those of a float of 16 bits.
func bits[T dtype.F16 | dtype.BF16](x int32) (T, error) {
	if x < 0 || x > 0xffff {
		return 0, fmt.Errorf("%d is not the bits of a float of 16", x)
	}
	return T(x), nil
}

// protoOf makes a tensor of an output, with its elements in the list of its type,
// where TensorFlow Serving puts them.
func protoOf(a *engine.Answer, n int) *pb.TensorProto {
	if a.Tensor == nil {
		p := &pb.TensorProto{Dtype: pb.DataType_DT_STRING, TensorShape: protoShape([]int{n})}
		for _, s := range a.Strings {
			p.StringVal = append(p.StringVal, []byte(s))
		}
		return p
	}
	t := a.Tensor
	p := &pb.TensorProto{Dtype: dataTypes[t.DType()], TensorShape: protoShape(t.Shape().Dims())}
	switch t.DType() {
	case dtype.Float32:
		p.FloatVal = t.F32()
	case dtype.Float64:
		p.DoubleVal = tensor.Data[float64](t)
	case dtype.Int64:
		p.Int64Val = tensor.Data[int64](t)
	case dtype.Uint32:
		p.Uint32Val = tensor.Data[uint32](t)
	case dtype.Uint64:
		p.Uint64Val = tensor.Data[uint64](t)
	case dtype.Bool:
		p.BoolVal = tensor.Data[bool](t)
	case dtype.Int32:
		p.IntVal = tensor.Data[int32](t)
	case dtype.Uint8:
		for _, x := range t.Bytes() {
			p.IntVal = append(p.IntVal, int32(x))
		}
	case dtype.Float16:
		for _, x := range tensor.Data[dtype.F16](t) {
			p.HalfVal = append(p.HalfVal, int32(x))
		}
	case dtype.BFloat16:
		for _, x := range tensor.Data[dtype.BF16](t) {
			p.HalfVal = append(p.HalfVal, int32(x))
		}
	}
	return p
}

// protoShape are extents, -1 where one is open.
func protoShape(dims []int) *pb.TensorShapeProto {
	p := &pb.TensorShapeProto{}
	for _, d := range dims {
		p.Dim = append(p.Dim, &pb.TensorShapeProto_Dim{Size: int64(d)})
	}
	return p
}
