package cpu_test

import (
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops/optest"
)

// interpreted lists the primitives that run through the reference interpreter
// in cases of each type of floats, with the reason. No layer, loss or optimizer
// in float32 asks for one of them.
var interpreted = map[dtype.DType]map[string]string{
	dtype.Float32: {
		"avg_pool": notImages, "avg_pool_grad": notImages,
		"max_pool": notImages, "max_pool_grad": notImages, "max_pool_gather": notImages,
		"dot": ofIntegers,
	},
	dtype.Float64: {
		"avg_pool": inFloat32, "avg_pool_grad": inFloat32,
		"max_pool": inFloat32, "max_pool_grad": inFloat32, "max_pool_gather": inFloat32,
		"conv": inFloat32, "conv_input": inFloat32, "conv_weight": inFloat32, "dot": inFloat32, "adam_8bit": inFloat32,
	},
}

const (
	notImages  = "windows that are not over the two axes of images"
	ofIntegers = "operands that are integers"
	inFloat32  = "the kernel is for float32"
)

// Nothing is interpreted that is not in the list, and all of the list is.
// Element-wise ops and reductions are not in it: they have loops for every type.
// Graphs with floats of 16 bits are left out.
func TestInterpreted(t *testing.T) {
	b := newBackend(t, cpu.WithThreads(1))
	for dt, list := range interpreted {
		found := map[string]string{} // op to a case
		for name, table := range optest.Tables() {
			for _, c := range table.Cases {
				g, _, _ := c.As(dt).Graph()
				if holdsHalf(g) {
					continue
				}
				x, err := b.Compile(g)
				if err != nil {
					t.Fatalf("%s/%s: %v", name, c.Name, err)
				}
				for _, op := range x.Stats().Interpreted {
					found[op] = name + "/" + c.Name
				}
			}
		}
		for op, where := range found {
			if list[op] == "" {
				t.Errorf("%v: %s is interpreted and not in the list: %s", dt, op, where)
			}
		}
		for op := range list {
			if found[op] == "" {
				t.Errorf("%v: %s is in the list and nowhere interpreted", dt, op)
			}
		}
	}
}

func holdsHalf(g *ir.Graph) bool {
	for _, n := range g.Nodes() {
		for _, v := range n.Outs() {
			if v.DType().IsHalf() {
				return true
			}
		}
	}
	return false
}
