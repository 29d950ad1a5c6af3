package loss

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// MarginRankingConfig describes a loss of the order of two scores.
type MarginRankingConfig struct {
	Margin    float64   `json:"margin" yaml:"margin"` // by which scores should differ
	Reduction Reduction `json:"reduction" yaml:"reduction"`
}

// MarginRanking is the mean of max(0, -target (x1 - x2)).
func MarginRanking(x1, x2, target *ir.Value) *ir.Value {
	return MarginRankingConfig{}.Apply(x1, x2, target)
}

// Apply gives, for each pair of scores,
//
//	loss = max(0, -target (x1 - x2) + Margin)
//
// reduced: target is 1 where x1 should be the larger and -1 where x2 should. All
// have one type.
//
// Source: torch.nn.functional.margin_ranking_loss.
func (cfg MarginRankingConfig) Apply(x1, x2, target *ir.Value) *ir.Value {
	return cfg.Reduction.apply("margin_ranking", cfg.each(x1, x2, target))
}

// Terms takes both scores from one output, stacked on axis 1: [B 2 ...] for
// targets [B ...]. It is the sum over all pairs, and their number.
func (cfg MarginRankingConfig) Terms(output, target, weight *ir.Value) Terms {
	parts := unstack("margin_ranking", output, 2)
	return elementTerms("margin_ranking", cfg.each(parts[0], parts[1], target), weight)
}

func (cfg MarginRankingConfig) each(x1, x2, target *ir.Value) *ir.Value {
	x1, x2, target = wide(x1), wide(x2), wide(target)
	if !ready("margin_ranking", cfg, x1, target) || !alike("margin_ranking", x1, x2) {
		return x1
	}
	return hinge(ops.Add(ops.Mul(target, ops.Sub(x2, x1)), ops.Scalar(x1, cfg.Margin)))
}

// Target is Numbers.
func (MarginRankingConfig) Target() Target { return Numbers }

// Validate tells all that is wrong.
func (cfg MarginRankingConfig) Validate() error {
	return errors.Join(finite("margin", cfg.Margin), cfg.Reduction.validate())
}
