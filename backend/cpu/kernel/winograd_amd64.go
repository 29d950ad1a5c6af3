//go:build amd64 && !purego

package kernel

var avx2Winograd = winogradTransforms{
	image: winogradImageAVX2, overlay: winogradOverlayAVX2,
	three: winogradForm{
		kernel: 3, out: 4, least: winogradLanes,
		weight: winogradWeight3AVX2, result: winogradResult4AVX2, spread: winogradSpread4AVX2, gather: winogradGather3AVX2,
	},
	five: winogradForm{
		kernel: 5, out: 2, least: winogradLanes,
		weight: winogradWeight5AVX2, result: winogradResult2AVX2, spread: winogradSpread2AVX2, gather: winogradGather5AVX2,
	},
}

var avx512Winograd = winogradTransforms{
	image: winogradImageAVX512, overlay: winogradOverlayAVX512,
	three: winogradForm{
		kernel: 3, out: 4, least: winogradLanes,
		weight: winogradWeight3AVX512, result: winogradResult4AVX512, spread: winogradSpread4AVX512, gather: winogradGather3AVX512,
	},
	five: winogradForm{
		kernel: 5, out: 2, least: winogradLanes,
		weight: winogradWeight5AVX512, result: winogradResult2AVX512, spread: winogradSpread2AVX512, gather: winogradGather5AVX512,
	},
}
