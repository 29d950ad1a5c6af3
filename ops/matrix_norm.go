package ops

import "github.com/gradus-ml/gradus/ir"

// NuclearNorm is the sum of the singular values of matrices a [... M N].
//
// Source: torch.linalg.matrix_norm, order "nuc".
func NuclearNorm(a *ir.Value) *ir.Value {
	_, s, _ := SVD(a)
	return onMatrix(a, func() *ir.Value { return Sum(s, -1) })
}

// SpectralNorm is the largest singular value of matrices a [... M N], which are
// not empty. Equal ones share the gradient.
//
// Source: torch.linalg.matrix_norm, order 2.
func SpectralNorm(a *ir.Value) *ir.Value {
	_, s, _ := SVD(a)
	return onMatrix(a, func() *ir.Value { return Amax(s, -1) })
}

// MaxColumnSum is the largest sum of magnitudes of a column of matrices a [...
// M N]. Equal ones share the gradient.
//
// Source: torch.linalg.matrix_norm, order 1.
func MaxColumnSum(a *ir.Value) *ir.Value {
	return onMatrix(a, func() *ir.Value { return Amax(Sum(Abs(a), -2), -1) })
}

// MaxRowSum is the largest sum of magnitudes of a row of matrices a [... M N].
// Equal ones share the gradient.
//
// Source: torch.linalg.matrix_norm, order inf.
func MaxRowSum(a *ir.Value) *ir.Value {
	return onMatrix(a, func() *ir.Value { return Amax(Sum(Abs(a), -1), -1) })
}

// onMatrix checks that a is a matrix before it builds.
func onMatrix(a *ir.Value, build func() *ir.Value) *ir.Value {
	if a.Graph().Err() != nil {
		return standIn(a)
	}
	if err := matrix(a.Type()); err != nil {
		return fail("matrix_norm", err, a)
	}
	return build()
}
