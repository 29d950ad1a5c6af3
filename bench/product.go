package bench

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Matmul is C = A B for A [rows inner] and B [inner cols], without training.
// A, B or both lie in memory with their axes exchanged where that is asked for.
// All three live in the store, so that nothing but the product is measured.
//
// Its name is "matmul", the sizes unless all are 1024, and how operands lie
// unless both lie straight: matmul, matmul-512, matmul-64x784x128,
// matmul-1024-tn. Find knows all of them.
func Matmul(rows, inner, cols int, aT, bT bool) Workload {
	p := product{int64(rows), int64(inner), int64(cols)}
	return Workload{Name: productName(p, aT, bT), Flops: p.flops(), build: func(b *cpu.Backend) (*Step, error) {
		m := &matrices{A: matrix(rows, inner, aT), B: matrix(inner, cols, bT),
			C: &module.State{DType: dtype.Float32, Shape: shape.Of(rows, cols)}}
		store, err := exec.NewStore(b, m, exec.Seed(seed))
		if err != nil {
			return nil, err
		}
		fn := exec.NewFunc(store, func(c *module.Ctx, _ []*ir.Value) []*ir.Value {
			c.SetState(m.C, ops.MatMul(straight(c.Param(m.A), aT), straight(c.Param(m.B), bT)))
			return nil
		})
		return &Step{store: store, fn: fn}, nil
	}}
}

type matrices struct {
	A, B *module.Param
	C    *module.State
}

// matrix is a parameter with its axes exchanged if so asked.
func matrix(rows, cols int, exchanged bool) *module.Param {
	if exchanged {
		rows, cols = cols, rows
	}
	return module.NewParam(normal, rows, cols)
}

// straight undoes what matrix did.
func straight(x *ir.Value, exchanged bool) *ir.Value {
	if exchanged {
		return ops.Transpose(x, 1, 0)
	}
	return x
}

// square is the product of two square matrices.
func square(n int) Workload { return Matmul(n, n, n, false, false) }

// productName is what Matmul calls a product.
func productName(p product, aT, bT bool) string {
	name := "matmul"
	order := letter(aT) + letter(bT)
	switch {
	case p.inner != p.rows || p.cols != p.rows:
		name += fmt.Sprintf("-%dx%dx%d", p.rows, p.inner, p.cols)
	case p.rows != 1024 || order != "nn":
		name += fmt.Sprintf("-%d", p.rows)
	}
	if order != "nn" {
		name += "-" + order
	}
	return name
}

// letter tells how an operand lies, as BLAS has it.
func letter(exchanged bool) string {
	if exchanged {
		return "t"
	}
	return "n"
}

// maxSize bounds the sizes in a name.
const maxSize = 16384

var productSyntax = regexp.MustCompile(`^matmul(?:-(\d{1,5})(?:x(\d{1,5})x(\d{1,5}))?)?(?:-([nt])([nt]))?$`)

// findProduct returns the product of a name.
func findProduct(name string) (Workload, bool) {
	m := productSyntax.FindStringSubmatch(name)
	if m == nil {
		return Workload{}, false
	}
	size := func(digits string, otherwise int) int {
		if n, err := strconv.Atoi(digits); err == nil {
			return n
		}
		return otherwise
	}
	rows := size(m[1], 1024)
	inner, cols := size(m[2], rows), size(m[3], rows)
	if min(rows, inner, cols) < 1 || max(rows, inner, cols) > maxSize {
		return Workload{}, false
	}
	w := Matmul(rows, inner, cols, m[4] == "t", m[5] == "t")
	return w, w.Name == name
}

// isProduct tells a matrix product from a net.
func (w Workload) isProduct() bool { return strings.HasPrefix(w.Name, "matmul") }

// measures tells the products whose rate counts as what the machine can do.
func (w Workload) measures() bool {
	return w.isProduct() && w.Flops >= product{512, 512, 512}.flops()
}
