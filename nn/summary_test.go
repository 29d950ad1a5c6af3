package nn

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/ir"
)

type summed struct {
	Body *Sequential
	Tied *Linear
}

func (m *summed) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	x = m.Body.Forward(c, x)
	return m.Tied.Forward(c, m.Tied.Forward(c, x))
}

func TestSummary(t *testing.T) {
	m := &summed{NewSequential(NewConv2d(1, 2, 3), &ReLU{}, NewMaxPool2d(2), NewFlatten(), NewDropout(0.5)), NewLinear(18, 18)}
	s, err := Summarize(m, f32(4, 1, 8, 8))
	if err != nil {
		t.Fatal(err)
	}
	// convolution 4*2*6*6 results of 9 products and a bias; a linear layer twice
	conv, linear := int64(4*2*36*19), int64(4*18*37)
	want := []SummaryRow{
		{"", "Summed", 0, f32(4, 18), 0, 0, 0, 0},
		{"body", "Sequential", 1, f32(4, 18), 0, 0, 0, 0},
		{"body.0", "Conv2d", 2, f32(4, 2, 6, 6), 20, conv, 0, 0},
		{"body.1", "ReLU", 2, f32(4, 2, 6, 6), 0, 288, 0, 0},
		{"body.2", "MaxPool2d", 2, f32(4, 2, 3, 3), 0, 288, 0, 0},
		{"body.3", "Flatten", 2, f32(4, 18), 0, 0, 0, 0},
		{"body.4", "Dropout", 2, f32(4, 18), 0, 0, 0, 0},
		{"tied", "Linear", 1, f32(4, 18), 342, linear, 0, 0},
		{"tied", "Linear", 1, f32(4, 18), 0, linear, 0, 0},
	}
	if len(s.Rows) != len(want) {
		t.Fatalf("%d rows, want %d:\n%v", len(s.Rows), len(want), s)
	}
	total := int64(0)
	for i, r := range s.Rows {
		if r != want[i] {
			t.Errorf("row %d is %v, want %v", i, r, want[i])
		}
		total += r.Flops
	}
	if s.Params != 362 || s.Flops != total {
		t.Errorf("%d parameters and %d operations, want 362 and %d", s.Params, s.Flops, total)
	}
}

func TestSummaryString(t *testing.T) {
	s := &Summary{Rows: []SummaryRow{
		{"", "Net", 0, f32(1, 10), 0, 0, 0, 0},
		{"fc1", "Linear", 1, f32(1, 10), 1234567, 999, 7, 0},
	}, Params: 1234567, Frozen: 7, Flops: 1000, ParamBytes: 4938268}
	want := strings.TrimPrefix(`
layer    type    output     parameters  trained  operations
-----------------------------------------------------------
(model)  Net     f32[1 10]
  fc1    Linear  f32[1 10]   1,234,567  part            999
-----------------------------------------------------------
total                        1,234,567                1,000
parameters 4.9 MB, trained 1,234,560, frozen 7
`, "\n")
	if got := s.String(); got != want {
		t.Errorf("table\n%s\nwant\n%s", got, want)
	}
}

// What is frozen, and what is no parameter, is counted by row.
func TestSummaryFreeze(t *testing.T) {
	s, err := Summarize(NewSequential(NewConv2d(1, 2, 3), NewBatchNorm2d(2), NewFlatten(), NewLinear(2, 3)), f32(4, 1, 3, 3))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Freeze("0.*", "3.bias"); err != nil {
		t.Fatal(err)
	}
	var trained []string
	for _, r := range s.Rows {
		trained = append(trained, r.Trained())
	}
	if got := strings.Join(trained, ","); got != ",no,yes,,part" {
		t.Errorf("trained %s", got)
	}
	if bn := s.Rows[2]; s.Frozen != 23 || bn.States != 5 || s.States != 5 || s.ParamBytes != 4*33 || s.StateBytes != 4*4+8 {
		t.Errorf("frozen %d, states %d of %d, %d and %d bytes", s.Frozen, bn.States, s.States, s.ParamBytes, s.StateBytes)
	}
	if !strings.HasSuffix(s.String(), "parameters 132 B, trained 10, frozen 23; other state 5, 24 B; outputs of layers 144 B\n") {
		t.Errorf("table\n%s", s)
	}
	if err := s.Freeze("4.*"); err == nil || !strings.Contains(err.Error(), `"4.*" fits no key`) {
		t.Errorf("error %v", err)
	}
}

func TestSummaryOfAMistake(t *testing.T) {
	_, err := Summarize(NewLinear(4, 2), f32(3, 5))
	if err == nil || !strings.Contains(err.Error(), "input f32[3 5]") {
		t.Errorf("error %v", err)
	}
	if _, err := Summarize(NewLinear(4, 2), f32(3, 4), f32(3, 4)); err == nil || !strings.Contains(err.Error(), "reads one input, got 2") {
		t.Errorf("error %v", err)
	}
	if _, err := Summarize(NewLSTMCell(4, 2), f32(3, 4)); err == nil || !strings.Contains(err.Error(), "has neither Forward nor Map") {
		t.Errorf("error %v", err)
	}
}
