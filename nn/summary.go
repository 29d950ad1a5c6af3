package nn

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/cost"
	"github.com/gradus-ml/gradus/module"
)

// A Summary lists what a model does to an input, without running it.
type Summary struct {
	Rows   []SummaryRow // in the order in which the modules are entered
	Params int          // elements of all parameters, a shared one once
	Frozen int          // of these, that are not trained; see Freeze
	States int          // elements of what is neither: running statistics, tables
	Flops  int64        // floating-point operations of a forward pass, a multiply-add being two

	ParamBytes, StateBytes int64
	OutputBytes            int64 // of the outputs of all modules that hold no others

	values []summaryValue
}

// A summaryValue is a parameter with the row that it is counted in.
type summaryValue struct {
	key  string
	size int
	row  int // -1 for none
}

// A SummaryRow is a module as it was used once. Parameters and arithmetic are
// its own: those of the modules inside it stand in their rows.
type SummaryRow struct {
	Path   string  // "layer1.0.conv1"; "" for the model
	Type   string  // "Conv2d"
	Depth  int     // modules that it stands in
	Output ir.Type // of the last value made in it, or before it if it made none
	Params int     // 0 if an earlier row has them
	Flops  int64
	Frozen int // of Params, that are not trained
	States int // elements of what is not a parameter, such as running statistics
}

// Trained tells which of the parameters are trained: "yes", "no", "part", or ""
// where there are none.
func (r SummaryRow) Trained() string {
	switch r.Frozen {
	case r.Params:
		if r.Params == 0 {
			return ""
		}
		return "no"
	case 0:
		return "yes"
	}
	return "part"
}

// Summarize traces the forward pass of a model in evaluation mode for inputs of
// the given types. The model is a module.Forwarder or a module.Mapper.
func Summarize(model any, inputs ...ir.Type) (*Summary, error) {
	tree, err := module.Walk(model)
	if err != nil {
		return nil, err
	}
	g := ir.NewGraph()
	c := module.NewCtx(g, tree, nil)
	s := &Summary{}
	var open []int // rows that are not left yet
	counted := map[int]bool{}
	c.Watch(func(v module.Visit) {
		if !v.Left {
			s.Rows = append(s.Rows, SummaryRow{Path: v.Path, Type: typeName(v.Module), Depth: len(open)})
			open = append(open, len(s.Rows)-1)
			return
		}
		row := &s.Rows[open[len(open)-1]]
		open = open[:len(open)-1]
		for _, n := range g.Nodes()[v.From:v.To] {
			if !counted[n.ID()] { // nodes of inner modules have been
				counted[n.ID()] = true
				row.Flops += cost.Node(n)
			}
		}
		row.Output = newest(g.Nodes()[:v.To]).Type()
		if at := len(s.Rows) - 1; row == &s.Rows[at] && v.To > v.From {
			s.OutputBytes += int64(row.Output.SizeBytes())
		}
	})
	var in []*ir.Value
	for _, t := range inputs {
		in = append(in, g.Input(ir.Arg, "input", t))
	}
	switch m := model.(type) {
	case module.Mapper:
		m.Map(c, in)
	case module.Forwarder:
		if len(in) != 1 {
			return nil, fmt.Errorf("nn: %T reads one input, got %d", model, len(in))
		}
		m.Forward(c, in[0])
	default:
		return nil, fmt.Errorf("nn: %T has neither Forward nor Map", model)
	}
	if err := g.Err(); err != nil {
		return nil, err
	}
	s.countParams(tree)
	for _, r := range s.Rows {
		s.Flops += r.Flops
	}
	return s, nil
}

// typeName is the name of a module's type, as if it were exported.
func typeName(m any) string {
	name := reflect.Indirect(reflect.ValueOf(m)).Type().Name()
	if name == "" {
		return ""
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// newest is the last value that is computed, or the input.
func newest(nodes []*ir.Node) *ir.Value {
	for i := len(nodes) - 1; i > 0; i-- {
		if in, ok := nodes[i].Op().(ir.Input); !ok || in.Kind == ir.Arg {
			return nodes[i].Out(0)
		}
	}
	return nodes[0].Out(0)
}

// countParams gives each parameter and state to the first row of the module that
// holds it: the one with the longest path that its key begins with.
func (s *Summary) countParams(tree *module.Tree) {
	holder := func(key string) int {
		holder := -1
		for i, r := range s.Rows {
			within := r.Path == "" || strings.HasPrefix(key, r.Path+".")
			if within && (holder < 0 || len(r.Path) > len(s.Rows[holder].Path)) {
				holder = i
			}
		}
		return holder
	}
	for _, p := range tree.Params {
		v := summaryValue{p.Key, p.Shape.Size(), holder(p.Key)}
		s.values = append(s.values, v)
		s.Params += v.size
		s.ParamBytes += int64(p.Type().SizeBytes())
		if v.row >= 0 {
			s.Rows[v.row].Params += v.size
		}
	}
	for _, p := range tree.States {
		s.States += p.Shape.Size()
		s.StateBytes += int64(p.Type().SizeBytes())
		if row := holder(p.Key); row >= 0 {
			s.Rows[row].States += p.Shape.Size()
		}
	}
}

// Freeze counts the parameters whose keys fit one of some patterns, see
// [module.Match], as not trained.
func (s *Summary) Freeze(patterns ...string) error {
	keys := make([]string, len(s.values))
	for i, v := range s.values {
		keys[i] = v.key
	}
	fits, err := module.MatchAll(patterns, keys)
	if err != nil {
		return fmt.Errorf("nn: freeze: %w", err)
	}
	s.Frozen = 0
	for i := range s.Rows {
		s.Rows[i].Frozen = 0
	}
	for i, v := range s.values {
		if fits[i] < 0 {
			continue
		}
		s.Frozen += v.size
		if v.row >= 0 {
			s.Rows[v.row].Frozen += v.size
		}
	}
	return nil
}

// String is a table with a row for each module, and the sums.
func (s *Summary) String() string {
	cells := [][]string{{"layer", "type", "output", "parameters", "trained", "operations"}}
	for _, r := range s.Rows {
		name := r.Path
		if name == "" {
			name = "(model)"
		}
		cells = append(cells, []string{strings.Repeat("  ", r.Depth) + name, r.Type, r.Output.String(), count(int64(r.Params)), r.Trained(), count(r.Flops)})
	}
	cells = append(cells, []string{"total", "", "", grouped(int64(s.Params)), "", grouped(s.Flops)})
	var width [6]int
	for _, row := range cells {
		for i, cell := range row {
			width[i] = max(width[i], len(cell))
		}
	}
	total := 2 * (len(width) - 1)
	for _, w := range width {
		total += w
	}
	var b strings.Builder
	for i, row := range cells {
		if i == 1 || i == len(cells)-1 {
			b.WriteString(strings.Repeat("-", total) + "\n")
		}
		line := fmt.Sprintf("%-*s  %-*s  %-*s  %*s  %-*s  %*s", width[0], row[0], width[1], row[1], width[2], row[2], width[3], row[3], width[4], row[4], width[5], row[5])
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	fmt.Fprintf(&b, "parameters %s, trained %s, frozen %s", memory(s.ParamBytes), grouped(int64(s.Params-s.Frozen)), grouped(int64(s.Frozen)))
	if s.States > 0 {
		fmt.Fprintf(&b, "; other state %s, %s", grouped(int64(s.States)), memory(s.StateBytes))
	}
	if s.OutputBytes > 0 {
		fmt.Fprintf(&b, "; outputs of layers %s", memory(s.OutputBytes))
	}
	return b.String() + "\n"
}

// memory is a number of bytes as people read it: 6.7 MB.
func memory(bytes int64) string {
	v := float64(bytes)
	for _, unit := range []string{"B", "kB", "MB"} {
		if v < 1000 {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + " " + unit
		}
		v /= 1000
	}
	return fmt.Sprintf("%.1f GB", v)
}

// count leaves out a zero.
func count(n int64) string {
	if n == 0 {
		return ""
	}
	return grouped(n)
}

// grouped separates thousands: 1,663,370.
func grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
