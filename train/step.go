package train

import (
	"context"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/metric"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/optim"
)

// compileStep describes one training step: forward, loss, backward, clip,
// update. It is traced once for each size of batch.
func (t *Trainer) compileStep() *exec.Func {
	step := exec.NewFunc(t.Store, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		x, label, lr := in[0], in[1], in[2]
		y := t.Model.Forward(c.Train(), x)
		loss := t.Loss(y, label)
		grads := grad.Of(loss, c.Params(t.Optimizer)...)
		if t.ClipNorm != nil {
			grads, _ = optim.ClipNorm(grads, *t.ClipNorm)
		}
		t.Optimizer.Update(c, grads, lr)
		return []*ir.Value{loss, y}
	})
	step.DetectAnomaly(t.DetectAnomaly)
	return step
}

// step trains on a batch and says what came of it.
func (r *run) step(ctx context.Context, b *data.Batch) error {
	lr := r.Schedule.At(r.stepped.Step)
	r.lr.F32()[0] = float32(lr)
	out, err := r.trainStep.Run(ctx, b.Inputs[0], b.Inputs[1], r.lr)
	if err != nil {
		return err
	}
	loss, right := out[0].Float(0), metric.Accuracy{K: 1}
	if math.IsNaN(loss) || math.IsInf(loss, 0) {
		return fmt.Errorf("train: the loss is %v in step %d of epoch %d: a lower learning rate may help, and anomaly detection shows where it came from", loss, b.Index+1, b.Epoch+1)
	}
	if err := right.Add(out[1], b.Inputs[1]); err != nil {
		return err
	}
	r.stepped = Stepped{
		Step: r.stepped.Step + 1, Epoch: b.Epoch + 1, Last: b.Index+1 == r.Train.Len(), Samples: b.N,
		Loss: loss, LR: lr, Correct: int(right.Correct()),
	}
	return r.tell(&r.stepped)
}
