// Package tensorflow answers requests as TensorFlow Serving does, by REST and by
// gRPC, so that its clients need not change: predict, classify, regress, status
// and metadata.
//
// A model has two signatures. serving_default takes the columns that data come
// as, and the server does what training did with them: strings for texts,
// categories and files, numbers for numbers. An image may also come as its pixels,
// whole numbers from 0 to 255. The signature preprocessed takes the network's own
// tensors, from clients that do all that themselves.
//
// The reference is TensorFlow Serving 2.21: its RESTful API (api_rest.md), with
// the behaviour of util/json_tensor.cc where the document is silent, and its
// prediction_service.proto and model_service.proto. Deviations:
//   - Requests are JSON as RFC 8259 has it: NaN and Infinity are no numbers, which
//     no model takes anyway. In answers they stand as TensorFlow Serving writes
//     them, as the tokens NaN, Infinity and -Infinity.
//   - Columns that may be missing may be left out, or be null.
//   - classify and regress take the columns as features, whatever the signature's
//     method_name says.
package tensorflow

import (
	"context"
	"net/http"
	"slices"

	"connectrpc.com/connect"

	"github.com/gradus-ml/gradus/serve/engine"
)

// A Service answers by the models of an engine. It is safe for concurrent use.
type Service struct {
	engine *engine.Engine
	opts   []connect.HandlerOption
}

// New makes a service. The options are those of its gRPC methods, such as
// [connect.WithReadMaxBytes].
func New(e *engine.Engine, opts ...connect.HandlerOption) *Service { return &Service{e, opts} }

// Register puts the paths of the service into a mux.
func (s *Service) Register(mux *http.ServeMux) {
	mux.HandleFunc("/v1/models/{rest...}", s.rest)
	s.registerGRPC(mux, s.opts)
}

// status lists the versions of a model that a client asks about.
func (s *Service) status(model, version string) ([]*engine.Info, error) {
	if version != "" {
		i, err := s.engine.Info(model, version)
		return []*engine.Info{i}, err
	}
	all := slices.DeleteFunc(s.engine.Models(), func(i *engine.Info) bool { return i.Name != model })
	if len(all) == 0 {
		return nil, engine.Errorf(engine.NotFound, "there is no model %.100q", model)
	}
	return all, nil
}

// A class is a label and how probable it is.
type class struct {
	label string
	score float32
}

// A question is what classify and regress are asked.
type question struct {
	model, version, signature string
	examples                  *examples
}

// classify gives the classes of each example by the first target that has some,
// in the model's order.
func (s *Service) classify(ctx context.Context, q *question) (*engine.Response, [][]class, error) {
	a, err := s.ask(ctx, q, func(sig *engine.Signature) (string, error) {
		for _, o := range sig.Outputs {
			if o.Role == engine.Probabilities {
				return o.Name, nil
			}
		}
		return "", engine.Errorf(engine.Invalid, "model %s has no classes; regress or predict may be meant", q.model)
	})
	if err != nil {
		return nil, nil, err
	}
	o := &a.Outputs[0]
	all := make([][]class, a.N)
	for k := range all {
		row := o.Tensor.Row(k)
		for i, p := range row.F32() {
			all[k] = append(all[k], class{o.Labels[i], p})
		}
	}
	return a, all, nil
}

// regress gives the number of each example by the first target that is one.
func (s *Service) regress(ctx context.Context, q *question) (*engine.Response, []float64, error) {
	a, err := s.ask(ctx, q, func(sig *engine.Signature) (string, error) {
		for _, o := range sig.Outputs {
			switch {
			case o.Role != engine.Value:
			case o.Shape[0] != 1:
				return "", engine.Errorf(engine.Invalid, "target %s of model %s is %d numbers; predict gives all of them", o.Target, q.model, o.Shape[0])
			default:
				return o.Name, nil
			}
		}
		return "", engine.Errorf(engine.Invalid, "model %s has no target that is a number; classify or predict may be meant", q.model)
	})
	if err != nil {
		return nil, nil, err
	}
	values := make([]float64, a.N)
	for k := range values {
		values[k] = a.Outputs[0].Tensor.Float(k)
	}
	return a, values, nil
}

// ask predicts one output of examples, which is chosen by what the model has.
func (s *Service) ask(ctx context.Context, q *question, choose func(*engine.Signature) (string, error)) (*engine.Response, error) {
	r := &engine.Request{Model: q.model, Version: q.version}
	r.Fill = func(_ string, sig *engine.Signature) error {
		output, err := choose(sig)
		if err != nil {
			return err
		}
		g, err := signatureOf(sig, q.signature)
		if err != nil {
			return err
		}
		r.Outputs = []string{output}
		return g.fill(q.examples, r)
	}
	return s.engine.Predict(ctx, r)
}
