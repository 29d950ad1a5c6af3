//go:build arm64 && !purego

package kernel

import "unsafe"

// neonVec is the portable set with what the assembly, written by _asm, replaces.
var neonVec = func() Vec {
	v := genericVec
	v.ops = orPortable(neonOps)
	v.withSlope = [numCurves]elementwise{vecGeluWithSlopeNEON, vecGeluTanhWithSlopeNEON, vecSiluWithSlopeNEON}
	v.sum, v.dot, v.sumSq, v.sumSqDev = vecSumNEON, vecDotNEON, vecSumSqNEON, vecSumSqDevNEON
	v.sumExp, v.max, v.min = vecSumExpNEON, vecMaxOfNEON, vecMinOfNEON
	v.devSums, v.normSums = vecDevSumsNEON, vecNormSumsAnyNEON
	v.normGrad = [2]fused{vecNormGradNEON, vecNormGradWeightNEON}
	v.sgd, v.sgdMomentum, v.sgdNesterov = vecSgdNEON, vecSgdMomentumNEON, vecSgdNesterovNEON
	v.adaGrad, v.adam = vecAdaGradNEON, vecAdamNEON
	v.rmsProp = [4]fused{
		vecRmsPropNEON, vecRmsPropCenteredNEON,
		vecRmsPropMomentumNEON, vecRmsPropCenteredMomentumNEON,
	}
	v.columnDevs, v.columnSums, v.columnNorm, v.columnGrad = vecColumnDevsNEON, vecColumnSumsNEON, vecColumnNormNEON, vecColumnGradNEON
	v.maxPool, v.maxPoolGrad = vecMaxPoolNEON, vecMaxPoolGradNEON
	v.depthwise, v.depthwiseWeight = vecDepthwiseNEON, vecDepthwiseWeightNEON
	v.cells, v.attention = cellsNEON, attentionNEON
	v.philox, v.philoxUniform = philoxBlocksNEON, philoxUniformBlocksNEON
	return v
}()

var neonOps = [NumVecOps]elementwise{
	Add:      vecAddNEON,
	Sub:      vecSubNEON,
	Mul:      vecMulNEON,
	Div:      vecDivNEON,
	Max:      vecMaxNEON,
	Min:      vecMinNEON,
	Fma:      vecFmaNEON,
	Axpy:     vecAxpyNEON,
	Axpby:    vecAxpbyNEON,
	Affine:   vecAffineNEON,
	AddS:     vecAddSNEON,
	MulS:     vecMulSNEON,
	RSubS:    vecRSubSNEON,
	RDivS:    vecRDivSNEON,
	ClampS:   vecClampSNEON,
	MaxS:     vecMaxSNEON,
	MinS:     vecMinSNEON,
	Neg:      vecNegNEON,
	Abs:      vecAbsNEON,
	Sign:     vecSignNEON,
	Sqrt:     vecSqrtNEON,
	Rsqrt:    vecRsqrtNEON,
	Recip:    vecRecipNEON,
	Square:   vecSquareNEON,
	Exp:      vecExpNEON,
	Exp2:     vecExp2NEON,
	Expm1:    vecExpm1NEON,
	Log:      vecLogNEON,
	Log2:     vecLog2NEON,
	Log10:    vecLog10NEON,
	Log1p:    vecLog1pNEON,
	Tanh:     vecTanhNEON,
	Sigmoid:  vecSigmoidNEON,
	Erf:      vecErfNEON,
	Sin:      vecSinNEON,
	Cos:      vecCosNEON,
	Floor:    vecFloorNEON,
	Ceil:     vecCeilNEON,
	Round:    vecRoundNEON,
	Trunc:    vecTruncNEON,
	Copy:     vecCopyNEON,
	Fill:     vecFillNEON,
	Relu:     vecReluNEON,
	ReluGrad: vecReluGradNEON,
	Eq:       vecEqNEON,
	Ne:       vecNeNEON,
	Lt:       vecLtNEON,
	Le:       vecLeNEON,
	Gt:       vecGtNEON,
	Ge:       vecGeNEON,
	EqS:      vecEqSNEON,
	NeS:      vecNeSNEON,
	LtS:      vecLtSNEON,
	LeS:      vecLeSNEON,
	GtS:      vecGtSNEON,
	GeS:      vecGeSNEON,
	Select:   vecSelectNEON,
	And:      vecAndNEON,
	Or:       vecOrNEON,
	Not:      vecNotNEON,
	ExpSub:   vecExpSubNEON,
	ExpAxpy:  vecExpAxpyNEON,
	NormS:    vecNormSNEON,
	NormMul:  vecNormMulNEON,
	NormFma:  vecNormFmaNEON,

	ClampGrad:   vecClampGradNEON,
	AddRelu:     vecAddReluNEON,
	AddReluGrad: vecAddReluGradNEON,
	Add3:        vecAdd3NEON,

	Gelu:          vecGeluNEON,
	GeluTanh:      vecGeluTanhNEON,
	Silu:          vecSiluNEON,
	GeluSlope:     vecGeluSlopeNEON,
	GeluTanhSlope: vecGeluTanhSlopeNEON,
	SiluSlope:     vecSiluSlopeNEON,
}

func vecNormSumsAnyNEON(n int, dy, x, w *float32, mean float32) (float32, float32) {
	if w == nil {
		return vecNormSumsNEON(n, dy, x, x, mean)
	}
	return vecNormSumsWeightNEON(n, dy, x, w, mean)
}

func vecSinNEON(n int, d, a, b, c *float32, s0, s1 float32) {
	trig(n, d, a, vecMaxAbsNEON, vecSinSmallNEON, sin32)
}

func vecCosNEON(n int, d, a, b, c *float32, s0, s1 float32) {
	trig(n, d, a, vecMaxAbsNEON, vecCosSmallNEON, cos32)
}

// philoxBlocksNEON leaves what is less than four blocks to portable code.
func philoxBlocksNEON(n int, dst *uint32, key, counter, hi uint64) {
	turns := n / 16
	if turns > 0 {
		vecPhiloxNEON(turns, dst, key, counter, hi)
	}
	if rest := n % 16; rest > 0 {
		philoxGeneric(rest, (*uint32)(unsafe.Add(unsafe.Pointer(dst), (n-rest)*4)), key, counter+uint64(4*turns), hi)
	}
}

func philoxUniformBlocksNEON(n int, dst *float32, key, counter, hi uint64) {
	turns := n / 16
	if turns > 0 {
		vecPhiloxUniformNEON(turns, dst, key, counter, hi)
	}
	if rest := n % 16; rest > 0 {
		philoxUniformGeneric(rest, elem(dst, n-rest), key, counter+uint64(4*turns), hi)
	}
}
