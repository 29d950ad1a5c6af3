package tensorflow

import (
	"github.com/gradus-ml/gradus/data/feature"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/tensorflow/pb"
)

// The names of the signatures, and the method that both are called by.
const (
	servingDefault = "serving_default"
	preprocessed   = "preprocessed"
	predictMethod  = "tensorflow/serving/predict"
)

// A signature is one of a model's.
type signature struct {
	*engine.Signature
	preprocessed bool
}

// signatureOf finds a signature by name; "" is the default.
func signatureOf(s *engine.Signature, name string) (*signature, error) {
	switch name {
	case "", servingDefault:
		return &signature{s, false}, nil
	case preprocessed:
		return &signature{s, true}, nil
	}
	return nil, engine.Errorf(engine.Invalid, "there is no signature %.100q, but %s and %s", name, servingDefault, preprocessed)
}

// inputs are the names of what the signature takes.
func (g *signature) inputs() []string {
	var names []string
	if g.preprocessed {
		for _, t := range g.Tensors {
			names = append(names, t.Name)
		}
		return names
	}
	for _, c := range g.Columns {
		names = append(names, c.Name)
	}
	return names
}

// signatureDefs describes all signatures of a model.
func signatureDefs(s *engine.Signature) *pb.SignatureDefMap {
	return &pb.SignatureDefMap{SignatureDef: map[string]*pb.SignatureDef{
		servingDefault: {Inputs: columnInfos(s), Outputs: outputInfos(s), MethodName: predictMethod},
		preprocessed:   {Inputs: tensorInfos(s), Outputs: outputInfos(s), MethodName: predictMethod},
	}}
}

// tensorInfo describes an input or output. An extent of -1 is open.
func tensorInfo(name string, dt pb.DataType, dims ...int) *pb.TensorInfo {
	return &pb.TensorInfo{Encoding: &pb.TensorInfo_Name{Name: name + ":0"}, Dtype: dt, TensorShape: protoShape(dims)}
}

// columnInfos describes the columns.
func columnInfos(s *engine.Signature) map[string]*pb.TensorInfo {
	m := map[string]*pb.TensorInfo{}
	for _, c := range s.Columns {
		switch c.Kind {
		case feature.RawNumber:
			m[c.Name] = tensorInfo(c.Name, pb.DataType_DT_DOUBLE, -1)
		case feature.RawArray:
			m[c.Name] = tensorInfo(c.Name, dataTypes[c.DType], append([]int{-1}, c.Shape.Dims()...)...)
		default:
			m[c.Name] = tensorInfo(c.Name, pb.DataType_DT_STRING, -1)
		}
	}
	return m
}

// tensorInfos describes the network's own inputs.
func tensorInfos(s *engine.Signature) map[string]*pb.TensorInfo {
	m := map[string]*pb.TensorInfo{}
	for _, t := range s.Tensors {
		dims := append([]int{-1}, t.Shape.Dims()...)
		if t.Varies {
			dims[1] = -1
		}
		m[t.Name] = tensorInfo(t.Name, dataTypes[t.DType], dims...)
	}
	return m
}

// outputInfos describes the outputs that an answer has unless it is asked for
// others.
func outputInfos(s *engine.Signature) map[string]*pb.TensorInfo {
	m := map[string]*pb.TensorInfo{}
	for _, o := range s.Outputs {
		if o.Asked {
			continue
		}
		dt := dataTypes[o.DType]
		if o.Text {
			dt = pb.DataType_DT_STRING
		}
		m[o.Name] = tensorInfo(o.Name, dt, append([]int{-1}, o.Shape...)...)
	}
	return m
}
