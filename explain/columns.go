package explain

import (
	"fmt"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/text"
)

// A Column is a column of a row, and what it adds to the score.
type Column struct {
	Name  string
	Share float64
	Words []text.Part // of a text
}

// Columns adds up what an explanation tells, for each column of the row, given by
// column as to [feature.Set.Encode]; of texts also for each word. An explanation
// by TimesInput is what it is made for.
func (e *Explanation) Columns(set *feature.Set, row map[string]any) ([]Column, error) {
	var list []Column
	at := map[string]int{}
	for i, f := range set.Inputs {
		shares := feature.ByColumn(f.Encoder, e.Inputs[i])
		for k, name := range f.Encoder.Reads() {
			if _, ok := at[name]; !ok {
				at[name] = len(list)
				list = append(list, Column{Name: name})
			}
			c := &list[at[name]]
			c.Share += shares[k]
			s, ok := row[name].(string)
			if t, shared := f.Encoder.(feature.TextEncoder); ok && shared && c.Words == nil {
				var err error
				if c.Words, err = t.ShareText(e.Inputs[i], s); err != nil {
					return nil, fmt.Errorf("explain: column %s: %w", name, err)
				}
			}
		}
	}
	return list, nil
}
