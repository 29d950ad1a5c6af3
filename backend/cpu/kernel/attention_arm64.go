//go:build arm64 && !purego

package kernel

var attentionNEON = attentionKernels{softmax: attentionSoftmaxNEON, weights: attentionWeightsNEON, scale: attentionScaleNEON}
