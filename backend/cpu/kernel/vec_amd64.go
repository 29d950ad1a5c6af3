//go:build amd64 && !purego

package kernel

// The tables of the assembly kernels, written by _asm. What the assembly
// lacks is portable.

var avx2Vec = Vec{
	ops: orPortable([NumVecOps]elementwise{
		Add:      vecAddAVX2,
		Sub:      vecSubAVX2,
		Mul:      vecMulAVX2,
		Div:      vecDivAVX2,
		Max:      vecMaxAVX2,
		Min:      vecMinAVX2,
		Fma:      vecFmaAVX2,
		Axpy:     vecAxpyAVX2,
		Axpby:    vecAxpbyAVX2,
		Affine:   vecAffineAVX2,
		AddS:     vecAddSAVX2,
		MulS:     vecMulSAVX2,
		RSubS:    vecRSubSAVX2,
		RDivS:    vecRDivSAVX2,
		ClampS:   vecClampSAVX2,
		MaxS:     vecMaxSAVX2,
		MinS:     vecMinSAVX2,
		Neg:      vecNegAVX2,
		Abs:      vecAbsAVX2,
		Sign:     vecSignAVX2,
		Sqrt:     vecSqrtAVX2,
		Rsqrt:    vecRsqrtAVX2,
		Recip:    vecRecipAVX2,
		Square:   vecSquareAVX2,
		Exp:      vecExpAVX2,
		Exp2:     vecExp2AVX2,
		Expm1:    vecExpm1AVX2,
		Log:      vecLogAVX2,
		Log2:     vecLog2AVX2,
		Log10:    vecLog10AVX2,
		Log1p:    vecLog1pAVX2,
		Tanh:     vecTanhAVX2,
		Sigmoid:  vecSigmoidAVX2,
		Erf:      vecErfAVX2,
		Sin:      vecSinAVX2,
		Cos:      vecCosAVX2,
		Floor:    vecFloorAVX2,
		Ceil:     vecCeilAVX2,
		Round:    vecRoundAVX2,
		Trunc:    vecTruncAVX2,
		Copy:     vecCopyAVX2,
		Fill:     vecFillAVX2,
		Relu:     vecReluAVX2,
		ReluGrad: vecReluGradAVX2,
		Eq:       vecEqAVX2,
		Ne:       vecNeAVX2,
		Lt:       vecLtAVX2,
		Le:       vecLeAVX2,
		Gt:       vecGtAVX2,
		Ge:       vecGeAVX2,
		EqS:      vecEqSAVX2,
		NeS:      vecNeSAVX2,
		LtS:      vecLtSAVX2,
		LeS:      vecLeSAVX2,
		GtS:      vecGtSAVX2,
		GeS:      vecGeSAVX2,
		Select:   vecSelectAVX2,
		And:      vecAndAVX2,
		Or:       vecOrAVX2,
		Not:      vecNotAVX2,
		ExpSub:   vecExpSubAVX2,
		ExpAxpy:  vecExpAxpyAVX2,
		NormS:    vecNormSAVX2,
		NormMul:  vecNormMulAVX2,
		NormFma:  vecNormFmaAVX2,

		ClampGrad:   vecClampGradAVX2,
		AddRelu:     vecAddReluAVX2,
		AddReluGrad: vecAddReluGradAVX2,
		Add3:        vecAdd3AVX2,

		Gelu:          vecGeluAVX2,
		GeluTanh:      vecGeluTanhAVX2,
		Silu:          vecSiluAVX2,
		GeluSlope:     vecGeluSlopeAVX2,
		GeluTanhSlope: vecGeluTanhSlopeAVX2,
		SiluSlope:     vecSiluSlopeAVX2,
	}),
	withSlope: [numCurves]elementwise{vecGeluWithSlopeAVX2, vecGeluTanhWithSlopeAVX2, vecSiluWithSlopeAVX2},

	sum: vecSumAVX2, dot: vecDotAVX2, sumSq: vecSumSqAVX2, sumSqDev: vecSumSqDevAVX2,
	sumExp: vecSumExpAVX2, max: vecMaxOfAVX2, min: vecMinOfAVX2,

	devSums: vecDevSumsAVX2, normSums: vecNormSumsAnyAVX2,
	normGrad: [2]fused{vecNormGradAVX2, vecNormGradWeightAVX2},

	sgd: vecSgdAVX2, sgdMomentum: vecSgdMomentumAVX2, sgdNesterov: vecSgdNesterovAVX2,
	cells: cellsAVX2, attention: attentionAVX2,

	adaGrad: vecAdaGradAVX2, adam: vecAdamAVX2,
	rmsProp: [4]fused{
		vecRmsPropAVX2, vecRmsPropCenteredAVX2,
		vecRmsPropMomentumAVX2, vecRmsPropCenteredMomentumAVX2,
	},
	columnDevs: vecColumnDevsAVX2, columnSums: vecColumnSumsAVX2, columnNorm: vecColumnNormAVX2, columnGrad: vecColumnGradAVX2,

	maxPool: vecMaxPoolAVX2, maxPoolGrad: vecMaxPoolGradAVX2,
	depthwise: vecDepthwiseAVX2, depthwiseWeight: vecDepthwiseWeightAVX2,

	philox: vecPhiloxAVX2, philoxUniform: vecPhiloxUniformAVX2,
}

func vecNormSumsAnyAVX2(n int, dy, x, w *float32, mean float32) (float32, float32) {
	if w == nil {
		return vecNormSumsAVX2(n, dy, x, x, mean)
	}
	return vecNormSumsWeightAVX2(n, dy, x, w, mean)
}

func vecSinAVX2(n int, d, a, b, c *float32, s0, s1 float32) {
	trig(n, d, a, vecMaxAbsAVX2, vecSinSmallAVX2, sin32)
}

func vecCosAVX2(n int, d, a, b, c *float32, s0, s1 float32) {
	trig(n, d, a, vecMaxAbsAVX2, vecCosSmallAVX2, cos32)
}

var avx512Vec = Vec{
	ops: orPortable([NumVecOps]elementwise{
		Add:      vecAddAVX512,
		Sub:      vecSubAVX512,
		Mul:      vecMulAVX512,
		Div:      vecDivAVX512,
		Max:      vecMaxAVX512,
		Min:      vecMinAVX512,
		Fma:      vecFmaAVX512,
		Axpy:     vecAxpyAVX512,
		Axpby:    vecAxpbyAVX512,
		Affine:   vecAffineAVX512,
		AddS:     vecAddSAVX512,
		MulS:     vecMulSAVX512,
		RSubS:    vecRSubSAVX512,
		RDivS:    vecRDivSAVX512,
		ClampS:   vecClampSAVX512,
		MaxS:     vecMaxSAVX512,
		MinS:     vecMinSAVX512,
		Neg:      vecNegAVX512,
		Abs:      vecAbsAVX512,
		Sign:     vecSignAVX512,
		Sqrt:     vecSqrtAVX512,
		Rsqrt:    vecRsqrtAVX512,
		Recip:    vecRecipAVX512,
		Square:   vecSquareAVX512,
		Exp:      vecExpAVX512,
		Exp2:     vecExp2AVX512,
		Expm1:    vecExpm1AVX512,
		Log:      vecLogAVX512,
		Log2:     vecLog2AVX512,
		Log10:    vecLog10AVX512,
		Log1p:    vecLog1pAVX512,
		Tanh:     vecTanhAVX512,
		Sigmoid:  vecSigmoidAVX512,
		Erf:      vecErfAVX512,
		Sin:      vecSinAVX512,
		Cos:      vecCosAVX512,
		Floor:    vecFloorAVX512,
		Ceil:     vecCeilAVX512,
		Round:    vecRoundAVX512,
		Trunc:    vecTruncAVX512,
		Copy:     vecCopyAVX512,
		Fill:     vecFillAVX512,
		Relu:     vecReluAVX512,
		ReluGrad: vecReluGradAVX512,
		Eq:       vecEqAVX512,
		Ne:       vecNeAVX512,
		Lt:       vecLtAVX512,
		Le:       vecLeAVX512,
		Gt:       vecGtAVX512,
		Ge:       vecGeAVX512,
		EqS:      vecEqSAVX512,
		NeS:      vecNeSAVX512,
		LtS:      vecLtSAVX512,
		LeS:      vecLeSAVX512,
		GtS:      vecGtSAVX512,
		GeS:      vecGeSAVX512,
		Select:   vecSelectAVX512,
		And:      vecAndAVX512,
		Or:       vecOrAVX512,
		Not:      vecNotAVX512,
		ExpSub:   vecExpSubAVX512,
		ExpAxpy:  vecExpAxpyAVX512,
		NormS:    vecNormSAVX512,
		NormMul:  vecNormMulAVX512,
		NormFma:  vecNormFmaAVX512,

		ClampGrad:   vecClampGradAVX512,
		AddRelu:     vecAddReluAVX512,
		AddReluGrad: vecAddReluGradAVX512,
		Add3:        vecAdd3AVX512,

		Gelu:          vecGeluAVX512,
		GeluTanh:      vecGeluTanhAVX512,
		Silu:          vecSiluAVX512,
		GeluSlope:     vecGeluSlopeAVX512,
		GeluTanhSlope: vecGeluTanhSlopeAVX512,
		SiluSlope:     vecSiluSlopeAVX512,
	}),
	withSlope: [numCurves]elementwise{vecGeluWithSlopeAVX512, vecGeluTanhWithSlopeAVX512, vecSiluWithSlopeAVX512},

	sum: vecSumAVX512, dot: vecDotAVX512, sumSq: vecSumSqAVX512, sumSqDev: vecSumSqDevAVX512,
	sumExp: vecSumExpAVX512, max: vecMaxOfAVX512, min: vecMinOfAVX512,

	devSums: vecDevSumsAVX512, normSums: vecNormSumsAnyAVX512,
	normGrad: [2]fused{vecNormGradAVX512, vecNormGradWeightAVX512},

	sgd: vecSgdAVX512, sgdMomentum: vecSgdMomentumAVX512, sgdNesterov: vecSgdNesterovAVX512,
	cells: cellsAVX512, attention: attentionAVX512,

	adaGrad: vecAdaGradAVX512, adam: vecAdamAVX512,
	rmsProp: [4]fused{
		vecRmsPropAVX512, vecRmsPropCenteredAVX512,
		vecRmsPropMomentumAVX512, vecRmsPropCenteredMomentumAVX512,
	},
	columnDevs: vecColumnDevsAVX512, columnSums: vecColumnSumsAVX512, columnNorm: vecColumnNormAVX512, columnGrad: vecColumnGradAVX512,

	maxPool: vecMaxPoolAVX512, maxPoolGrad: vecMaxPoolGradAVX512,
	depthwise: vecDepthwiseAVX512, depthwiseWeight: vecDepthwiseWeightAVX512,

	philox: vecPhiloxAVX512, philoxUniform: vecPhiloxUniformAVX512,
}

func vecNormSumsAnyAVX512(n int, dy, x, w *float32, mean float32) (float32, float32) {
	if w == nil {
		return vecNormSumsAVX512(n, dy, x, x, mean)
	}
	return vecNormSumsWeightAVX512(n, dy, x, w, mean)
}

func vecSinAVX512(n int, d, a, b, c *float32, s0, s1 float32) {
	trig(n, d, a, vecMaxAbsAVX512, vecSinSmallAVX512, sin32)
}

func vecCosAVX512(n int, d, a, b, c *float32, s0, s1 float32) {
	trig(n, d, a, vecMaxAbsAVX512, vecCosSmallAVX512, cos32)
}
