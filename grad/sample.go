package grad

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// PerSample extends the graph by the gradients of each example's own loss: for x
// of shape S a value of shape [B S], with B the length of axis 0 of all of batch.
// loss gets the slices of batch, those of one example, without that axis, and
// returns a scalar. It also returns the losses [B].
//
// Examples run one after another, so that beside the result, which is as large
// as B times the parameters, memory for one is enough. What is made of the
// gradients alone, such as their norms, is made in the same loop by [Samples].
//
// torch.func.vmap of torch.func.grad has the same results.
func PerSample(batch []*ir.Value, loss func(example []*ir.Value) *ir.Value, xs ...*ir.Value) (losses *ir.Value, grads []*ir.Value) {
	out := Samples(batch, func(example []*ir.Value) []*ir.Value {
		l := loss(example)
		return append([]*ir.Value{l}, Of(l, xs...)...)
	})
	if len(out) != len(xs)+1 { // a mistake is kept
		return batch[0], xs
	}
	return out[0], out[1:]
}

// Samples runs f for each example of a batch, slices along axis 0 of all values,
// and stacks what it returns along a new axis 0.
func Samples(batch []*ir.Value, f func(example []*ir.Value) []*ir.Value) []*ir.Value {
	_, out := ops.Scan(nil, batch, func(_, example []*ir.Value) (next, ys []*ir.Value) { return nil, f(example) })
	return out
}
