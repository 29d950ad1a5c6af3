//go:build amd64 && !purego

package kernel

var attentionAVX2 = attentionKernels{softmax: attentionSoftmaxAVX2, weights: attentionWeightsAVX2, scale: attentionScaleAVX2}

var attentionAVX512 = attentionKernels{softmax: attentionSoftmaxAVX512, weights: attentionWeightsAVX512, scale: attentionScaleAVX512}
