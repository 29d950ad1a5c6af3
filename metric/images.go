package metric

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/tensor"
)

// PSNR is the peak signal-to-noise ratio of outputs and targets of any one shape, in
// decibel:
//
//	10 log10(Range^2 / mean of (output - target)^2)
//
// The mean is over all numbers since Reset. Range is the distance of the greatest
// number that there can be from the least; 1 if it is 0.
//
// Source: skimage.metrics.peak_signal_noise_ratio (0.26).
type PSNR struct {
	Range float64

	error SquaredError
}

// Add counts a batch: outputs and targets [N ...].
func (p *PSNR) Add(output, target *tensor.Tensor) error { return p.error.Add(output, target) }

// Merge adds what another has seen.
func (p *PSNR) Merge(other *PSNR) { p.error.Merge(&other.error) }

// Value is infinite where all is right.
func (p *PSNR) Value() float64 {
	return 10 * math.Log10(span(p.Range)*span(p.Range)/p.error.Value())
}

// Reset forgets all numbers.
func (p *PSNR) Reset() { p.error.Reset() }

func span(r float64) float64 {
	if r == 0 {
		return 1
	}
	return r
}

// SSIM is the structural similarity of images [N C H W], the mean over images,
// channels and places of
//
//	(2 m(y) m(t) + c1) (2 cov(y,t) + c2) / ((m(y)^2 + m(t)^2 + c1) (var(y) + var(t) + c2))
//
// where m, var and cov are taken under a Gaussian window of 11 by 11 with a
// deviation of 1.5 that lies within the image, c1 = (0.01 Range)^2 and c2 =
// (0.03 Range)^2. Range is as [PSNR] has it. Images are at least 11 by 11.
//
// Source: Wang and others, "Image quality assessment: from error visibility to
// structural similarity" (2004); skimage.metrics.structural_similarity (0.26)
// with gaussian_weights and use_sample_covariance=False. (torchmetrics 1.9 lets the
// window lie across mirrored edges.)
type SSIM struct {
	Range float64

	mean mean
}

const ssimWindow = 11

// Add counts a batch: outputs and targets [N C H W].
func (s *SSIM) Add(output, target *tensor.Tensor) error {
	d := output.Shape().Dims()
	if len(d) != 4 || !output.DType().IsFloat() || output.Shape() != target.Shape() || d[2] < ssimWindow || d[3] < ssimWindow {
		return fmt.Errorf("metric: SSIM wants floating-point images [N C H W] of at least %d by %[1]d, and targets like them, got %v for %v", ssimWindow, output, target)
	}
	var window [ssimWindow]float64
	sum := 0.0
	for i := range window {
		x := float64(i-ssimWindow/2) / 1.5
		window[i] = math.Exp(-x * x / 2)
		sum += window[i]
	}
	for i := range window {
		window[i] /= sum
	}
	height, width := d[2], d[3]
	c1, c2 := math.Pow(0.01*span(s.Range), 2), math.Pow(0.03*span(s.Range), 2)
	var rows [5][]float64 // y, t, yy, tt, yt, weighted along rows
	for i := range rows {
		rows[i] = make([]float64, height*(width-ssimWindow+1))
	}
	for plane := range d[0] * d[1] {
		w := width - ssimWindow + 1
		for i := range height {
			for j := range w {
				var m [5]float64
				for k, g := range window {
					at := (plane*height+i)*width + j + k
					y, t := output.Float(at), target.Float(at)
					m[0], m[1], m[2], m[3], m[4] = m[0]+g*y, m[1]+g*t, m[2]+g*y*y, m[3]+g*t*t, m[4]+g*y*t
				}
				for n := range m {
					rows[n][i*w+j] = m[n]
				}
			}
		}
		total := 0.0
		for i := range height - ssimWindow + 1 {
			for j := range w {
				var m [5]float64
				for k, g := range window {
					for n := range m {
						m[n] += g * rows[n][(i+k)*w+j]
					}
				}
				my, mt := m[0], m[1]
				total += (2*my*mt + c1) * (2*(m[4]-my*mt) + c2) / ((my*my + mt*mt + c1) * (m[2] - my*my + m[3] - mt*mt + c2))
			}
		}
		s.mean.sum += total / float64(w*(height-ssimWindow+1))
		s.mean.total++
	}
	return nil
}

// Merge adds what another has seen.
func (s *SSIM) Merge(other *SSIM) { s.mean.merge(other.mean) }

// Value is at most 1.
func (s *SSIM) Value() float64 { return s.mean.value() }

// Reset forgets all images.
func (s *SSIM) Reset() { s.mean = mean{} }
