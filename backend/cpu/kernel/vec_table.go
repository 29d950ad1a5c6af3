package kernel

// genericVec holds the portable kernels. The tables of other sets are in
// vec_amd64.go and vec_arm64.go; what they do not replace they take from here.
var genericVec = Vec{
	ops:       genericOps,
	withSlope: [numCurves]elementwise{withSlopeOf(gelu64), withSlopeOf(geluTanh64), withSlopeOf(silu64)},

	sum: sumGeneric, dot: dotGeneric, sumSq: sumSqGeneric, sumSqDev: sumSqDevGeneric,
	sumExp: sumExpGeneric, max: maxOfGeneric, min: minOfGeneric,

	devSums: devSumsGeneric, normSums: normSumsGeneric,
	normGrad: [2]fused{normGradGeneric, normGradWeightGeneric},

	sgd: sgdGeneric, sgdMomentum: sgdMomentumGeneric, sgdNesterov: sgdNesterovGeneric,
	adaGrad: adaGradGeneric, adam: adamGeneric,
	rmsProp: [4]fused{
		rmsPropGeneric(false, false), rmsPropGeneric(true, false),
		rmsPropGeneric(false, true), rmsPropGeneric(true, true),
	},
	columnDevs: columnDevsGeneric, columnSums: columnSumsGeneric, columnNorm: columnNormGeneric, columnGrad: columnGradGeneric,

	maxPool: maxPoolGeneric, maxPoolGrad: maxPoolGradGeneric,
	depthwise: depthwiseGeneric, depthwiseWeight: depthwiseWeightGeneric,

	attention: genericAttention,

	philox: philoxGeneric, philoxUniform: philoxUniformGeneric,
}
