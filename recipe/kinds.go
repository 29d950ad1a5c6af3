package recipe

import (
	"maps"
	"reflect"

	"github.com/gradus-ml/gradus/config"
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/text"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/model"
	"github.com/gradus-ml/gradus/model/layers"
	"github.com/gradus-ml/gradus/optim"
	"github.com/gradus-ml/gradus/optim/schedule"
	"github.com/gradus-ml/gradus/train"
)

// lbfgs is an optimizer that recipes can't have.
var lbfgs = config.Kind{Name: "lbfgs", Not: "it evaluates the loss several times in a step, where a run has one gradient for each; it is for programs, see optim.LBFGS"}

// Kinds lists what the fields of a recipe can hold that are one of several
// structs, and what starts from settings of its own where a recipe brings it
// in.
func Kinds() config.Kinds {
	kinds := config.Kinds{
		reflect.TypeFor[source.Config]():      source.Kinds(),
		reflect.TypeFor[feature.Config]():     feature.Kinds(),
		reflect.TypeFor[image.Augmentation](): image.Kinds(),
		reflect.TypeFor[text.Config]():        text.Kinds(),
		reflect.TypeFor[text.Augment]():       text.AugmentKinds(),
		reflect.TypeFor[model.Config]():       model.Kinds(),
		reflect.TypeFor[loss.Config]():        loss.Kinds(),
		reflect.TypeFor[optim.Config]():       append(optim.Kinds(), lbfgs),
		reflect.TypeFor[schedule.Config]():    schedule.Kinds(),

		reflect.TypeFor[Loss]():            {{Default: Loss{Weight: 1}}},
		reflect.TypeFor[schedule.Stage]():  {{Default: schedule.DefaultStage()}},
		reflect.TypeFor[train.EMA]():       {{Default: train.EMA{Decay: 0.999}}},
		reflect.TypeFor[train.SWA]():       {{Default: train.SWA{Start: 0.75}}},
		reflect.TypeFor[train.SWAAnneal](): {{Default: train.DefaultSWAAnneal()}},
		reflect.TypeFor[train.Start]():     {{Default: train.Start{Strict: true}}},
		reflect.TypeFor[train.EarlyStop](): {{Default: train.DefaultEarlyStop()}},
		reflect.TypeFor[optim.SAM]():       {{Default: optim.DefaultSAM()}},
		reflect.TypeFor[train.Guard]():     {{Default: train.DefaultGuard()}},
	}
	maps.Copy(kinds, layers.Nested())
	return kinds
}
