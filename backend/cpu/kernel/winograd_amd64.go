//go:build amd64 && !purego

package kernel

var avx2Winograd = winogradTransforms{
	image: winogradImageAVX2, weight: winogradWeightAVX2, result: winogradResultAVX2,
	spread: winogradSpreadAVX2, gather: winogradGatherAVX2,
	least: winogradLanes,
}

var avx512Winograd = winogradTransforms{
	image: winogradImageAVX512, weight: winogradWeightAVX512, result: winogradResultAVX512,
	spread: winogradSpreadAVX512, gather: winogradGatherAVX512,
	least: winogradLanes,
}
