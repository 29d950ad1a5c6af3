package optest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/tensor"
)

// eachCase runs f for every case of every table.
func eachCase(t *testing.T, f func(t *testing.T, c optest.Case)) {
	for name, table := range optest.Tables() {
		t.Run(name, func(t *testing.T) {
			for _, c := range table.Cases {
				t.Run(c.Name, func(t *testing.T) { f(t, c) })
			}
		})
	}
}

// TestValues runs every table through the interpreter and compares with the
// references there are.
func TestValues(t *testing.T) {
	eachCase(t, func(t *testing.T, c optest.Case) {
		g, _, out := c.Graph()
		if err := g.Err(); err != nil {
			t.Fatal(err)
		}
		if err := g.Verify(); err != nil {
			t.Fatal(err)
		}
		got, err := interp.RunTo(io.Discard, g, c.Inputs()...)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range out {
			y := got.Outputs[i]
			if y.DType() != v.DType() || y.Shape() != v.Shape() {
				t.Errorf("result %d is %v, the graph says %v", i, y, v.Type())
			}
			if i < len(c.Want) && c.Want[i] != nil {
				if err := c.Compare(y, c.Want[i]); err != nil {
					t.Errorf("result %d: %v", i, err)
				}
			}
		}
	})
}

// TestHalves runs every table in the floats of 16 bits and compares with what
// the same numbers give in float64. Cases that apply a composition to them
// without its builder, which casts, are left out: each of its ops rounds.
func TestHalves(t *testing.T) {
	eachCase(t, func(t *testing.T, c optest.Case) {
		for _, dt := range []dtype.DType{dtype.BFloat16, dtype.Float16} {
			c := c.As(dt)
			if !c.InHalf() || roundsInside(c) {
				continue
			}
			got, want := interpret(t, c), interpret(t, c.As(dtype.Float64))
			for i, w := range want {
				if g := got[i]; w.DType().IsFloat() {
					if err := c.Compare(optest.Convert(g, dt), optest.Convert(w, dt)); err != nil {
						t.Errorf("%v: result %d: %v", dt, i, err)
					}
				} else if err := c.Compare(g, w); err != nil {
					t.Errorf("%v: result %d: %v", dt, i, err)
				}
			}
		}
	})
}

// roundsInside reports whether the case holds a composition on floats of 16 bits.
func roundsInside(c optest.Case) bool {
	g, _, _ := c.Graph()
	for _, n := range g.Nodes() {
		switch n.Op().(type) {
		case ops.ClampOp, ops.ReLUOp, ops.ReLUGradOp, ops.DropoutOp: // one op that rounds
			continue
		case ir.Composite:
			for _, v := range n.In() {
				if v.DType().IsHalf() {
					return true
				}
			}
		}
	}
	return false
}

func interpret(t *testing.T, c optest.Case) []*tensor.Tensor {
	t.Helper()
	g, _, _ := c.Graph()
	r, err := interp.RunTo(io.Discard, g, c.Inputs()...)
	if err != nil {
		t.Fatal(err)
	}
	return r.Outputs
}

// TestNamesDiffer keeps a case from hiding another.
func TestNamesDiffer(t *testing.T) {
	for name, table := range optest.Tables() {
		seen := map[string]bool{}
		for _, c := range table.Cases {
			if seen[c.Name] {
				t.Errorf("%s: two cases are called %s", name, c.Name)
			}
			seen[c.Name] = true
		}
	}
}

// unread are the golden cases that no table reads, with the reason.
var unread = map[string]string{
	"embedding/padding":          paddingIndex,
	"embedding/padding_last":     paddingIndex,
	"embedding/padding_negative": paddingIndex,
	"embedding/padding_only":     paddingIndex,
	"embedding/padding_unused":   paddingIndex,
	"embedding/wide":             paddingIndex,
}

const paddingIndex = "has a padding index, which is a matter of nn.Embedding and not of an op"

// TestGoldensAreRead: every case of testdata is in a table, or here with a
// reason why not.
func TestGoldensAreRead(t *testing.T) {
	read := map[string]bool{}
	for _, table := range optest.Tables() {
		for _, c := range table.Cases {
			if c.Golden != "" {
				read[c.Golden] = true
			}
		}
	}
	files, err := filepath.Glob("testdata/*.safetensors")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range files {
		file := strings.TrimSuffix(filepath.Base(path), ".safetensors")
		var all []string
		optest.Golden(file, func(name string, _ optest.Attrs) func(in []*ir.Value) []*ir.Value {
			all = append(all, file+"/"+name)
			return nil
		})
		for _, c := range all {
			switch reason := unread[c]; {
			case read[c] && reason != "":
				t.Errorf("%s is read, and is said not to be: %s", c, reason)
			case !read[c] && reason == "":
				t.Errorf("%s is read by no table", c)
			}
		}
	}
}

// TestMistakes makes every mistake of the tables: the message must say what is
// wrong, and results must be harmless.
func TestMistakes(t *testing.T) {
	for name, table := range optest.Tables() {
		for _, m := range table.Mistakes {
			t.Run(name+"/"+m.Name, func(t *testing.T) {
				g := ir.NewGraph()
				in := make([]*ir.Value, len(m.In))
				for i, typ := range m.In {
					in[i] = g.Input(ir.Arg, "in"+string(rune('0'+i)), typ)
				}
				m.Build(in)
				err := g.Err()
				if err == nil {
					t.Fatal("no mistake is kept")
				}
				if !strings.Contains(err.Error(), m.Want) {
					t.Errorf("the message is %q, want it to hold %q", err, m.Want)
				}
				if strings.Contains(err.Error(), "internal error") {
					t.Errorf("a user's mistake is called an internal error: %v", err)
				}
			})
		}
	}
}

// TestTransposed compares every op that has transposed versions with them, for
// several orders of axes.
func TestTransposed(t *testing.T) {
	done := map[string]bool{}
	eachCase(t, func(t *testing.T, c optest.Case) {
		g, _, _ := c.Graph()
		for _, n := range g.Nodes() {
			op, ok := n.Op().(ir.Transposable)
			if !ok {
				continue
			}
			rank := 0
			for _, v := range append(n.In(), n.Outs()...) {
				rank = max(rank, v.Rank())
			}
			for _, perm := range orders(rank) {
				if compareTransposed(t, c, op, n, perm, rank) {
					done[reflect.TypeOf(op).Name()] = true
				}
			}
		}
	})
	for _, l := range ops.List() {
		if _, ok := l.Op.(ir.Transposable); ok && !done[reflect.TypeOf(l.Op).Name()] {
			t.Errorf("no case transposes %T", l.Op)
		}
	}
}

// orders are the reverse, a rotation and an exchange of the last two axes.
func orders(rank int) (list [][]int) {
	if rank < 2 {
		return nil
	}
	reverse, rotate, swap := make([]int, rank), make([]int, rank), make([]int, rank)
	for i := range rank {
		reverse[i], rotate[i], swap[i] = rank-1-i, (i+1)%rank, i
	}
	swap[rank-1], swap[rank-2] = rank-2, rank-1
	list = [][]int{reverse, rotate, swap}
	if rank > 3 { // channels last
		last := []int{0}
		for a := 2; a < rank; a++ {
			last = append(last, a)
		}
		list = append(list, append(last, 1))
	}
	return list
}

// compareTransposed runs the case with the results of n, and once more with
// those of its transposed version between transposes.
func compareTransposed(t *testing.T, c optest.Case, op ir.Transposable, n *ir.Node, perm []int, rank int) bool {
	types := make([]ir.Type, len(n.In()))
	for i, v := range n.In() {
		types[i] = v.Type()
	}
	if len(types) == 0 {
		return false
	}
	turned, ok := op.Transposed(perm, types)
	if !ok {
		return false
	}
	full := types[0].Shape.Rank() // operands and results of this rank are turned
	if full != rank || full != len(perm) {
		return false
	}
	g := n.Graph()
	in := make([]*ir.Value, len(n.In()))
	for i, v := range n.In() {
		if in[i] = v; v.Rank() == full {
			in[i] = ops.Transpose(v, perm...)
		}
	}
	got := ir.Apply(turned, in...)
	for i, v := range got {
		if n.Out(i).Rank() == full {
			got[i] = ops.Transpose(v, ops.Inverse(perm)...)
		}
	}
	g.SetOutputs(append(got, n.Outs()...)...)
	if err := g.Err(); err != nil {
		t.Errorf("%v by %v: %v", op.Name(), perm, err)
		return false
	}
	r, err := interp.RunTo(io.Discard, g, c.Inputs()...)
	if err != nil {
		t.Fatal(err)
	}
	k := len(got)
	for i := range k {
		if err := c.Compare(r.Outputs[i], r.Outputs[k+i]); err != nil {
			t.Errorf("%v by %v: result %d: %v", op.Name(), perm, i, err)
		}
	}
	return true
}

// TestListIsComplete reads the source of package ops: every op type is in the
// list, its table exists, and a case of that table holds the op.
func TestListIsComplete(t *testing.T) {
	listed := map[string]string{}
	for _, l := range ops.List() {
		listed[reflect.TypeOf(l.Op).Name()] = l.Table
	}
	for _, name := range opTypes(t, "..") {
		if _, ok := listed[name]; !ok {
			t.Errorf("op type %s is missing from ops.List", name)
		}
	}
	tables := optest.Tables()
	found := map[string]map[string]bool{} // op types by table
	for name, table := range tables {
		found[name] = map[string]bool{}
		for _, c := range table.Cases {
			g, _, _ := c.Graph()
			for _, n := range g.Nodes() {
				found[name][reflect.TypeOf(n.Op()).Name()] = true
			}
		}
	}
	for op, table := range listed {
		if _, ok := tables[table]; !ok {
			t.Errorf("%s: there is no table %s", op, table)
		} else if !found[table][op] {
			t.Errorf("no case of table %s holds %s", table, op)
		}
	}
}

// opTypes lists the types with a method Name() string and a method Infer in a
// folder of Go files.
func opTypes(t *testing.T, dir string) (types []string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	methods := map[string]int{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "Name" && fn.Name.Name != "Infer" {
				continue
			}
			if id, ok := fn.Recv.List[0].Type.(*ast.Ident); ok {
				methods[id.Name]++
			}
		}
	}
	for name, n := range methods {
		if n == 2 {
			types = append(types, name)
		}
	}
	if len(types) < 40 {
		t.Fatalf("found only %d op types in %s", len(types), dir)
	}
	slices.Sort(types)
	return types
}
