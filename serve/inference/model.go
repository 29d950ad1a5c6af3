package inference

import (
	"bytes"
	"context"
	"slices"

	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/inference/pb"
	"github.com/gradus-ml/gradus/serve/jsondoc"
)

// platform names what models run on.
const platform = "gradus"

func serverMetadata() *pb.ServerMetadataResponse {
	return &pb.ServerMetadataResponse{
		Name:       platform,
		Version:    "2",
		Extensions: []string{"binary_tensor_data", "classification", "model_configuration", "model_repository", "statistics"},
	}
}

// known lists all versions that a client may use, by name and number.
func (s *Service) known(ctx context.Context) []*engine.Info {
	return slices.DeleteFunc(s.engine.Models(), func(i *engine.Info) bool { return engine.Allowed(ctx, i.Name) != nil })
}

func notReady(i *engine.Info) error {
	reason := i.Problem
	if reason == "" {
		reason = "it is " + string(i.State)
	}
	return engine.Errorf(engine.Unavailable, "version %s of model %s is not ready: %s", i.Version, i.Name, reason)
}

func (s *Service) modelMetadata(i *engine.Info) *pb.ModelMetadataResponse {
	m := &pb.ModelMetadataResponse{Name: i.Name, Platform: platform}
	for _, o := range s.engine.Models() {
		if o.Name == i.Name {
			m.Versions = append(m.Versions, o.Version)
		}
	}
	for _, c := range i.Signature.Columns {
		d, shape := columnType(c)
		m.Inputs = append(m.Inputs, tensorMetadata(c.Name, d, shape))
	}
	for _, t := range i.Signature.Tensors {
		m.PreprocessedInputs = append(m.PreprocessedInputs, tensorMetadata(t.Name, datatypeOf(t.DType), networkShape(t)))
	}
	for _, o := range i.Signature.Outputs {
		m.Outputs = append(m.Outputs, tensorMetadata(o.Name, outputType(o), o.Shape))
	}
	return m
}

func tensorMetadata(name string, d datatype, example []int) *pb.ModelMetadataResponse_TensorMetadata {
	return &pb.ModelMetadataResponse_TensorMetadata{Name: name, Datatype: d.name, Shape: withExamples(example)}
}

// withExamples puts the axis of examples before the shape of one.
func withExamples(example []int) []int64 {
	shape := []int64{-1}
	for _, d := range example {
		shape = append(shape, int64(d))
	}
	return shape
}

// columnType is how a column is sent best, and the shape of an example.
func columnType(c feature.Raw) (datatype, []int) {
	switch c.Kind {
	case feature.RawNumber:
		return datatypes[slices.IndexFunc(datatypes, func(d datatype) bool { return d.name == "FP64" })], nil
	case feature.RawArray:
		return datatypeOf(c.DType), c.Shape.Dims()
	}
	return bytesType, nil
}

func networkShape(t engine.Tensor) []int {
	dims := t.Shape.Dims()
	if t.Varies {
		dims[0] = -1
	}
	return dims
}

func outputType(o engine.Output) datatype {
	if o.Text {
		return bytesType
	}
	return datatypeOf(o.DType)
}

// modelConfig tells what clients of Triton ask for. A largest batch of 0 means
// that shapes are given as a whole, with the axis of examples.
func modelConfig(i *engine.Info) *pb.ModelConfig {
	c := &pb.ModelConfig{Name: i.Name, Platform: platform, Backend: platform}
	for _, col := range i.Signature.Columns {
		d, shape := columnType(col)
		c.Input = append(c.Input, &pb.ModelInput{Name: col.Name, DataType: d.config, Dims: withExamples(shape), Optional: col.Missing})
	}
	for _, o := range i.Signature.Outputs {
		c.Output = append(c.Output, &pb.ModelOutput{Name: o.Name, DataType: outputType(o).config, Dims: withExamples(o.Shape)})
	}
	return c
}

// repository lists versions, or those that are ready.
func (s *Service) repository(ctx context.Context, ready bool) []*pb.RepositoryIndexResponse_ModelIndex {
	var list []*pb.RepositoryIndexResponse_ModelIndex
	for _, i := range s.known(ctx) {
		m := &pb.RepositoryIndexResponse_ModelIndex{Name: i.Name, Version: i.Version, State: "READY"}
		if !i.Ready {
			m.State, m.Reason = "UNAVAILABLE", i.Problem
		}
		if i.Ready || !ready {
			list = append(list, m)
		}
	}
	return list
}

// wantsReady reads the body of a request for the list of models: {"ready":
// true}, or nothing.
func wantsReady(body []byte) (bool, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return false, nil
	}
	doc, err := jsondoc.Parse(body, jsondoc.DefaultLimits())
	if err != nil {
		return false, err
	}
	defer doc.Free()
	if doc.Root().Kind() != jsondoc.Object {
		return false, doc.Root().Errorf("want an object, got %v", doc.Root().Kind())
	}
	v, ok := doc.Root().Get("ready")
	if !ok {
		return false, nil
	}
	return boolean(v)
}
