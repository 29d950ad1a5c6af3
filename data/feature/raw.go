package feature

import (
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
)

// A RawKind is what a column holds for those who ask for a prediction.
type RawKind string

// The kinds.
const (
	RawNumber   RawKind = "number"   // float64, int64, bool, or text that is a number
	RawCategory RawKind = "category" // text, int64 or bool
	RawText     RawKind = "text"     // string
	RawTime     RawKind = "time"     // string, as the training rows had it
	RawImage    RawKind = "image"    // []byte: a file; or uint8 [C Y X]
	RawAudio    RawKind = "audio"    // []byte: a file
	RawArray    RawKind = "array"    // *tensor.Tensor of DType and Shape
)

// A Raw is a column that an encoder reads, as a client sees it: what is to be
// given for a row to be predicted.
type Raw struct {
	Name    string
	Kind    RawKind
	Choices []string    // of a category: the values of the training rows, if they are kept
	Missing bool        // may be left out
	DType   dtype.DType // of an array
	Shape   shape.Shape // of an array
	Pixels  [3]int      // of an image: channels, height and width that it is brought to
}

// Raw lists the columns that the inputs read, each once, in the order of the
// inputs.
func (s *Set) Raw() []Raw {
	var list []Raw
	for _, f := range s.Inputs {
		for _, r := range raw(f.Encoder) {
			i := slices.IndexFunc(list, func(o Raw) bool { return o.Name == r.Name })
			if i < 0 {
				list = append(list, r)
			} else if !r.Missing {
				list[i].Missing = false
			}
		}
	}
	return list
}

// raw lists what an encoder reads.
func raw(e Encoder) []Raw {
	var list []Raw
	for i, name := range e.Reads() {
		r := Raw{Name: name, Kind: RawText}
		switch e := e.(type) {
		case *NumericEncoder:
			r.Kind, r.Missing = RawNumber, e.Missing != MissingError
		case *NumberEncoder:
			r.Kind = RawNumber
		case *CategoryEncoder:
			r.Kind, r.Missing = RawCategory, e.Unknown
			if i < len(e.Values) {
				r.Choices = e.Values[i]
			}
		case *ClassEncoder:
			r.Kind, r.Choices = RawCategory, e.Classes
		case *DateTimeEncoder:
			r.Kind = RawTime
		case *ImageEncoder:
			r.Kind, r.Pixels = RawImage, e.shape()
		case *MaskEncoder:
			r.Kind = RawImage
		case *AudioEncoder:
			r.Kind = RawAudio
		case *ArrayEncoder:
			r.Kind = RawArray
			r.DType, r.Shape = e.Item()
		case *SeriesEncoder:
			r.Kind = RawArray
			r.DType, r.Shape = e.Item()
		}
		list = append(list, r)
	}
	return list
}
