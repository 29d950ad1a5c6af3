package data

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/gradus-ml/gradus/rng"
)

// The names of the random streams of orders. They are part of the record of
// runs and never change.
const (
	orderPath  = "data.order"
	samplePath = "data.sample"
	bucketPath = "data.buckets"
	foldPath   = "data.folds"
	partPath   = "data.parts"
)

// A Sampler says which items an epoch reads, in what order.
type Sampler interface {
	// Len is the number of items that an epoch reads.
	Len() int
	// Order stores them in dst, of that length: a function of the epoch
	// alone. It may be called concurrently.
	Order(dst []int, epoch int)
}

// sequential reads items as they are numbered.
type sequential int

func (n sequential) Len() int { return int(n) }

func (n sequential) Order(dst []int, epoch int) {
	for i := range dst {
		dst[i] = i
	}
}

// shuffled reads every item once, all orders being as likely.
type shuffled struct {
	n    int
	seed uint64
}

func (s shuffled) Len() int { return s.n }

func (s shuffled) Order(dst []int, epoch int) {
	sequential(s.n).Order(dst, epoch)
	r := rng.NewStream(s.seed, orderPath, uint64(epoch))
	r.Shuffle(len(dst), func(i, j int) { dst[i], dst[j] = dst[j], dst[i] })
}

// A WeightedSampler draws items with replacement.
type WeightedSampler struct {
	sums []float64 // of the weights up to each item
	n    int
	seed uint64
}

// Weighted returns the sampler of epochs of n items, each of them item i with
// probability weights[i] / (sum of weights), whatever came before.
func Weighted(weights []float64, n int, seed uint64) (*WeightedSampler, error) {
	if n < 1 {
		return nil, fmt.Errorf("data: weighted sampling of %d items an epoch, want at least 1", n)
	}
	s := &WeightedSampler{make([]float64, len(weights)), n, seed}
	sum := 0.0
	for i, w := range weights {
		if !(w >= 0) || math.IsInf(w, 1) {
			return nil, fmt.Errorf("data: weighted sampling: weight %d is %v, want a number of at least 0", i, w)
		}
		sum += w
		s.sums[i] = sum
	}
	if !(sum > 0) || math.IsInf(sum, 1) {
		return nil, fmt.Errorf("data: weighted sampling: %d weights with sum %v, want a positive number", len(weights), sum)
	}
	return s, nil
}

// Balanced returns the sampler that draws every class equally often, and
// within a class every item: Weighted with 1 / (items of the class).
func Balanced(classes []int, n int, seed uint64) (*WeightedSampler, error) {
	count := map[int]int{}
	for _, c := range classes {
		count[c]++
	}
	weights := make([]float64, len(classes))
	for i, c := range classes {
		weights[i] = 1 / float64(count[c])
	}
	return Weighted(weights, n, seed)
}

// Len is the number of draws in an epoch.
func (s *WeightedSampler) Len() int { return s.n }

// Order draws the items of an epoch.
func (s *WeightedSampler) Order(dst []int, epoch int) {
	r := rng.NewStream(s.seed, samplePath, uint64(epoch))
	total := s.sums[len(s.sums)-1]
	for k := range dst {
		u := r.Float64() * total
		// The first sum beyond u: an item of weight 0 is never it. Rounding
		// can't make u the total, since u < total (1 - 2^-53).
		dst[k] = sort.Search(len(s.sums), func(i int) bool { return s.sums[i] > u })
	}
}

// A Fold is one cut of items for cross-validation.
type Fold struct {
	Train, Validation []int // numbers of items, ascending
}

// Folds cuts the items 0..n-1 into k parts of equal size, as nearly as can be,
// and returns k folds: each validates on one part and trains on the rest. With
// classes, one for each item, every part has its share of each class. A function
// of the arguments alone; [Subset] makes datasets of it.
func Folds(n, k int, classes []int, seed uint64) ([]Fold, error) {
	if k < 2 || k > n {
		return nil, fmt.Errorf("data: %d folds of %d items, want at least 2 and at most one an item", k, n)
	}
	if classes != nil && len(classes) != n {
		return nil, fmt.Errorf("data: folds: %d classes for %d items", len(classes), n)
	}
	order := rng.NewStream(seed, foldPath, 0).Perm(n)
	if classes != nil {
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(classes[i], classes[j]) })
	}
	part := make([]int, n)
	for at, i := range order { // dealt like cards, so that a class goes round
		part[i] = at % k
	}
	folds := make([]Fold, k)
	for i, p := range part {
		for f := range folds {
			if f == p {
				folds[f].Validation = append(folds[f].Validation, i)
			} else {
				folds[f].Train = append(folds[f].Train, i)
			}
		}
	}
	return folds, nil
}

// Parts shares out the items 0..n-1: part 0 gets what the shares leave, part k
// the share of number k-1. Numbers of items are as the shares say to within
// two; with classes, one for each item, those of each class to within three.
// Items of a part are ascending. A function of the arguments alone; a part
// without items is an error.
//
//	parts, err := data.Parts(ds.Len(), nil, seed, 0.1, 0.2) // training, validation, test
func Parts(n int, classes []int, seed uint64, shares ...float64) ([][]int, error) {
	rest := 1.0
	for k, s := range shares {
		if !(s > 0 && s < 1) {
			return nil, fmt.Errorf("data: parts: share %d is %v, want more than 0 and less than 1", k, s)
		}
		rest -= s
	}
	if rest < 1e-9 {
		return nil, fmt.Errorf("data: parts: shares %v leave nothing, want a sum below 1", shares)
	}
	if classes != nil && len(classes) != n {
		return nil, fmt.Errorf("data: parts: %d classes for %d items", len(classes), n)
	}
	order := rng.NewStream(seed, partPath, 0).Perm(n)
	if classes != nil {
		slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(classes[i], classes[j]) })
	}
	shares = append([]float64{rest}, shares...)
	parts := make([][]int, len(shares))
	for dealt, i := range order { // to the part that lacks most
		most, part := math.Inf(-1), 0
		for p, share := range shares {
			// The conversion forbids a fused step, which some processors would take.
			if lack := float64(share*float64(dealt+1)) - float64(len(parts[p])); lack > most {
				most, part = lack, p
			}
		}
		parts[part] = append(parts[part], i)
	}
	for p := range parts {
		if len(parts[p]) == 0 {
			return nil, fmt.Errorf("data: parts: %d items leave none for the share of %.3g", n, shares[p])
		}
		slices.Sort(parts[p])
	}
	return parts, nil
}
