package train

import (
	"fmt"

	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// A Penalty adds the size of parameters w, whatever the optimizer, to the loss in
// training:
//
//	L1 * sum of |w| + L2 * sum of w^2
//
// L1 draws weights to 0 and keeps them there. L2 does what half of an SGD's
// weight_decay does, and is no decoupled decay. Scores of evaluation don't have it.
//
// Source: keras.regularizers.L1L2 (3.15.1).
type Penalty struct {
	Keys []string `json:"keys" yaml:"keys"` // globs; none for all parameters
	L1   float64  `json:"l1" yaml:"l1"`
	L2   float64  `json:"l2" yaml:"l2"`
}

// penalise adds what strategy.penalties say to the loss.
func (t *Trainer) penalise(c *module.Ctx) {
	if !c.Training() {
		return
	}
	for i, penalty := range t.Strategy.Penalties {
		params, err := t.penalised(i)
		if err != nil {
			c.Graph().Fail("penalty", err.Error(), nil)
			return
		}
		for _, p := range params {
			w := c.Param(p.Param)
			if penalty.L1 != 0 {
				sum := ops.Sum(ops.Abs(w))
				c.AddLoss(ops.Mul(sum, ops.Scalar(sum, penalty.L1)))
			}
			if penalty.L2 != 0 {
				sum := ops.SumSquares(w)
				c.AddLoss(ops.Mul(sum, ops.Scalar(sum, penalty.L2)))
			}
		}
	}
}

// penalised are the parameters of penalty i.
func (t *Trainer) penalised(i int) ([]module.Named, error) {
	all := t.Store.Params()
	globs := t.Strategy.Penalties[i].Keys
	if len(globs) == 0 {
		return all, nil
	}
	keys := make([]string, len(all))
	for j, p := range all {
		keys[j] = p.Key
	}
	fits, err := module.MatchAll(globs, keys)
	if err != nil {
		return nil, fmt.Errorf("train: strategy.penalties.%d.keys: %w", i, err)
	}
	var chosen []module.Named
	for j, m := range fits {
		if m >= 0 {
			chosen = append(chosen, all[j])
		}
	}
	return chosen, nil
}
