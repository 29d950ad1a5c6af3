package tensorflow

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/serve/engine"
	"github.com/gradus-ml/gradus/serve/tensorflow/pb"
)

// dataTypes are TensorFlow's names of element types.
var dataTypes = map[dtype.DType]pb.DataType{
	dtype.Float32:  pb.DataType_DT_FLOAT,
	dtype.Float64:  pb.DataType_DT_DOUBLE,
	dtype.BFloat16: pb.DataType_DT_BFLOAT16,
	dtype.Float16:  pb.DataType_DT_HALF,
	dtype.Int32:    pb.DataType_DT_INT32,
	dtype.Int64:    pb.DataType_DT_INT64,
	dtype.Uint8:    pb.DataType_DT_UINT8,
	dtype.Uint32:   pb.DataType_DT_UINT32,
	dtype.Uint64:   pb.DataType_DT_UINT64,
	dtype.Bool:     pb.DataType_DT_BOOL,
}

// stateOf is what a version does, and the code of its problem. One that gave its
// memory to another is available: a request brings it back. What a reload did not
// bring to one that answers is for its administrator.
func stateOf(i *engine.Info) (pb.ModelVersionStatus_State, *pb.StatusProto) {
	switch i.State {
	case engine.Loading:
		return pb.ModelVersionStatus_LOADING, &pb.StatusProto{}
	case engine.Failed:
		return pb.ModelVersionStatus_END, &pb.StatusProto{ErrorCode: pb.Code_UNAVAILABLE, ErrorMessage: i.Problem}
	case engine.Draining:
		return pb.ModelVersionStatus_UNLOADING, &pb.StatusProto{}
	}
	return pb.ModelVersionStatus_AVAILABLE, &pb.StatusProto{}
}
