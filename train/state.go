package train

import (
	"math"
	"strconv"

	"github.com/gradus-ml/gradus/runlog"
)

// StateFormat is the version of State.
const StateFormat = 1

// A State is what a run knows besides the values of its store: with both, and
// the same settings and data, it goes on as if it had not stopped. It encodes
// to JSON.
type State struct {
	Format int    `json:"format"`
	Seed   uint64 `json:"seed"` // of what the loop itself draws
	Data   *Data  `json:"data,omitempty"`

	Step  int `json:"step"`  // optimizer steps done, refused ones included
	Epoch int `json:"epoch"` // whole epochs done
	Index int `json:"index"` // batches of the present epoch done

	Done    bool   `json:"done"`
	Stopped string `json:"stopped,omitempty"` // why it is done early

	EpochTally tally `json:"epoch_tally"` // of the epoch
	LogTally   tally `json:"log_tally"`   // since the last line of the log

	EvaluatedAt int `json:"evaluated_at"` // step of the last evaluation

	Validation *float64           `json:"validation,omitempty"` // the score that checkpoints are kept by
	Schedule   map[string]float64 `json:"schedule,omitempty"`   // of one that observes
	Early      earlyState         `json:"early_stop"`
	Guard      guardState         `json:"guard"`
	Averaged   int                `json:"averaged"` // sets of weights in the stochastic average

	MetricsBytes int64 `json:"metrics_bytes"` // of metrics.jsonl
}

// A number is a float64 that survives JSON, which has no NaN and no infinity.
type number float64

// MarshalText writes the shortest text that reads back as n.
func (n number) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(n), 'g', -1, 64), nil
}

// UnmarshalText reads it.
func (n *number) UnmarshalText(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	*n = number(v)
	return err
}

// A tally adds up the losses and metrics of steps.
type tally struct {
	Samples  int      `json:"samples"`
	Sums     []number `json:"sums"`     // of the losses of each head
	Counts   []number `json:"counts"`   // that these are divided by
	Metrics  []number `json:"metrics"`  // sums of means over batches, times samples
	Measured int      `json:"measured"` // samples that Metrics are of
	Norm     number   `json:"norm"`     // largest of the gradients
}

// add counts a step.
func (t *tally) add(samples int, c *computed) {
	grow(&t.Sums, len(c.sums))
	grow(&t.Counts, len(c.counts))
	for i := range c.sums {
		t.Sums[i] += number(c.sums[i])
		t.Counts[i] += number(c.counts[i])
	}
	if c.metrics != nil {
		grow(&t.Metrics, len(c.metrics))
		for i, v := range c.metrics {
			t.Metrics[i] += number(v * float64(samples))
		}
		t.Measured += samples
	}
	t.Samples += samples
	t.Norm = max(t.Norm, number(c.norm))
}

func grow(list *[]number, n int) {
	for len(*list) < n {
		*list = append(*list, 0)
	}
}

// score is what a tally comes to.
func (t *tally) score(heads []Head) Score {
	s := Score{Samples: t.Samples}
	losses := make([]float64, len(heads))
	for i := range heads {
		losses[i] = math.NaN()
		if i < len(t.Sums) {
			losses[i] = float64(t.Sums[i] / t.Counts[i])
		}
	}
	var metrics []float64
	for _, m := range t.Metrics {
		metrics = append(metrics, float64(m)/float64(t.Measured))
	}
	s.fill(heads, losses, metrics, Head.metrics)
	return s
}

// fill sets loss and values. metrics are those of each head one after another;
// nil for none.
func (s *Score) fill(heads []Head, losses, metrics []float64, of func(Head) []Metric) {
	s.Loss = 0
	for i, h := range heads {
		s.Loss += h.Weight * losses[i]
	}
	s.Values = append(s.Values, runlog.Metric{Name: "loss", Value: s.Loss})
	k := 0
	for i, h := range heads {
		prefix := ""
		if len(heads) > 1 {
			prefix = h.Name + "."
			s.Values = append(s.Values, runlog.Metric{Name: prefix + "loss", Value: losses[i]})
		}
		for _, m := range of(h) {
			if metrics != nil {
				s.Values = append(s.Values, runlog.Metric{Name: prefix + m.Name, Value: metrics[k]})
			}
			k++
		}
	}
}
