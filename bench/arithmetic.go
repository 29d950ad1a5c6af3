package bench

// A product is the size of a matrix product: [Rows Inner] by [Inner Cols].
// A linear layer has rows for samples; a convolution has a row for each
// position of its result, and its inner size is that of its window.
type product struct{ rows, inner, cols int64 }

func (p product) flops() int64 { return 2 * p.rows * p.inner * p.cols }

// trainingFlops is the arithmetic of a training step of layers: forward,
// gradient by weights, and gradient by operands for all layers but the first.
func trainingFlops(layers []product) (total int64) {
	for i, l := range layers {
		total += 2 * l.flops()
		if i > 0 {
			total += l.flops()
		}
	}
	return total
}

// forwardFlops is the arithmetic of the forward pass of layers.
func forwardFlops(layers []product) (total int64) {
	for _, l := range layers {
		total += l.flops()
	}
	return total
}

// conv is a convolution of a batch with square images and kernels.
func conv(batch, in, out, side, kernel int64) product {
	return product{batch * side * side, in * kernel * kernel, out}
}
