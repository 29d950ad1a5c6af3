package ops

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/tensor"
)

type integer interface {
	int32 | int64 | uint8 | uint32 | uint64
}

// evalIntUnary evaluates neg, abs, sign and not exactly, not of Bool too.
func evalIntUnary(f UnaryFunc, x, y *tensor.Tensor) {
	switch x.DType() {
	case dtype.Int32:
		intUnary[int32](f, x, y)
	case dtype.Int64:
		intUnary[int64](f, x, y)
	case dtype.Uint8:
		intUnary[uint8](f, x, y)
	case dtype.Uint32:
		intUnary[uint32](f, x, y)
	case dtype.Uint64:
		intUnary[uint64](f, x, y)
	case dtype.Bool:
		ys := tensor.Data[bool](y)
		for i, v := range tensor.Data[bool](x) {
			ys[i] = !v
		}
	}
}

func intUnary[T integer](f UnaryFunc, x, y *tensor.Tensor) {
	xs, ys := tensor.Data[T](x), tensor.Data[T](y)
	for i, v := range xs {
		switch f {
		case NegFunc:
			ys[i] = -v
		case AbsFunc:
			ys[i] = max(v, -v)
			if -v > v && v > 0 { // unsigned: the negative wraps around
				ys[i] = v
			}
		case SignFunc:
			switch {
			case v > 0:
				ys[i] = 1
			case v < 0:
				ys[i] = ^T(0)
			}
		case NotFunc:
			ys[i] = ^v
		}
	}
}

// evalIntBinary evaluates integers and Bool exactly.
func evalIntBinary(f BinaryFunc, x, y, z *tensor.Tensor) {
	switch x.DType() {
	case dtype.Int32:
		intBinary[int32](f, x, y, z)
	case dtype.Int64:
		intBinary[int64](f, x, y, z)
	case dtype.Uint8:
		intBinary[uint8](f, x, y, z)
	case dtype.Uint32:
		intBinary[uint32](f, x, y, z)
	case dtype.Uint64:
		intBinary[uint64](f, x, y, z)
	case dtype.Bool:
		xs, ys, zs := tensor.Data[bool](x), tensor.Data[bool](y), tensor.Data[bool](z)
		for i := range xs {
			switch f {
			case AndFunc:
				zs[i] = xs[i] && ys[i]
			case OrFunc:
				zs[i] = xs[i] || ys[i]
			case XorFunc:
				zs[i] = xs[i] != ys[i]
			}
		}
	}
}

func intBinary[T integer](f BinaryFunc, x, y, z *tensor.Tensor) {
	xs, ys, zs := tensor.Data[T](x), tensor.Data[T](y), tensor.Data[T](z)
	for i, v := range xs {
		w := ys[i]
		switch f {
		case AddFunc:
			zs[i] = v + w
		case SubFunc:
			zs[i] = v - w
		case MulFunc:
			zs[i] = v * w
		case DivFunc:
			if w != 0 {
				zs[i] = v / w
			}
		case FloorDivideFunc:
			if w != 0 {
				zs[i] = v / w
				if v%w != 0 && v < 0 != (w < 0) {
					zs[i]--
				}
			}
		case FmodFunc:
			zs[i] = v
			if w != 0 {
				zs[i] = v % w
			}
		case RemainderFunc:
			zs[i] = v
			if w != 0 {
				zs[i] = v % w
				if zs[i] != 0 && v < 0 != (w < 0) {
					zs[i] += w
				}
			}
		case PowFunc:
			zs[i] = intPow(v, w)
		case AndFunc:
			zs[i] = v & w
		case OrFunc:
			zs[i] = v | w
		case XorFunc:
			zs[i] = v ^ w
		case ShiftLeftFunc:
			zs[i] = v << min(uint64(w), 64) // a negative shift is a large one
		case ShiftRightFunc:
			zs[i] = v >> min(uint64(w), 64)
		case MaxFunc:
			zs[i] = max(v, w)
		case MinFunc:
			zs[i] = min(v, w)
		}
	}
}

// intPow multiplies y factors x; a negative power is 0 but for the bases 1 and
// -1.
func intPow[T integer](x, y T) T {
	minusOne := ^T(0)
	if y < 0 {
		switch {
		case x == 1, x == minusOne && y%2 == 0:
			return 1
		case x == minusOne:
			return minusOne
		}
		return 0
	}
	z := T(1)
	for ; y > 0; y /= 2 {
		if y%2 == 1 {
			z *= x
		}
		x *= x
	}
	return z
}

// evalIntCompare compares integers and Bool exactly.
func evalIntCompare(f CompareFunc, x, y, z *tensor.Tensor) {
	zs := tensor.Data[bool](z)
	switch x.DType() {
	case dtype.Int32:
		intCompare(f, tensor.Data[int32](x), tensor.Data[int32](y), zs)
	case dtype.Int64:
		intCompare(f, tensor.Data[int64](x), tensor.Data[int64](y), zs)
	case dtype.Uint8, dtype.Bool:
		intCompare(f, x.Bytes(), y.Bytes(), zs)
	case dtype.Uint32:
		intCompare(f, tensor.Data[uint32](x), tensor.Data[uint32](y), zs)
	case dtype.Uint64:
		intCompare(f, tensor.Data[uint64](x), tensor.Data[uint64](y), zs)
	}
}

func intCompare[T integer](f CompareFunc, x, y []T, z []bool) {
	for i, v := range x {
		w := y[i]
		switch f {
		case EqFunc:
			z[i] = v == w
		case NeFunc:
			z[i] = v != w
		case LtFunc:
			z[i] = v < w
		case LeFunc:
			z[i] = v <= w
		case GtFunc:
			z[i] = v > w
		case GeFunc:
			z[i] = v >= w
		}
	}
}

// evalIntReduce reduces integers exactly, with wrap-around.
func evalIntReduce(f ReduceFunc, x, y *tensor.Tensor, into func(i int) int) {
	switch x.DType() {
	case dtype.Int32:
		intReduce(f, tensor.Data[int32](x), tensor.Data[int32](y), into)
	case dtype.Int64:
		intReduce(f, tensor.Data[int64](x), tensor.Data[int64](y), into)
	case dtype.Uint8:
		intReduce(f, tensor.Data[uint8](x), tensor.Data[uint8](y), into)
	case dtype.Uint32:
		intReduce(f, tensor.Data[uint32](x), tensor.Data[uint32](y), into)
	case dtype.Uint64:
		intReduce(f, tensor.Data[uint64](x), tensor.Data[uint64](y), into)
	case dtype.Bool: // amax: is one true? amin: are all?
		ys := tensor.Data[bool](y)
		for j := range ys {
			ys[j] = f == AminFunc
		}
		for i, v := range tensor.Data[bool](x) {
			if v == (f == AmaxFunc) {
				ys[into(i)] = v
			}
		}
	}
}

func intReduce[T integer](f ReduceFunc, x, y []T, into func(i int) int) {
	seen := make([]bool, len(y))
	if f == ProdFunc {
		for i := range y {
			y[i] = 1
		}
	}
	for i, v := range x {
		j := into(i)
		switch {
		case f == SumFunc:
			y[j] += v
		case f == ProdFunc:
			y[j] *= v
		case !seen[j]:
			y[j] = v
		case f == AmaxFunc:
			y[j] = max(y[j], v)
		default:
			y[j] = min(y[j], v)
		}
		seen[j] = true
	}
}
