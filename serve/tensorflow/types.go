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

// stateOf is what a version does, and the code of its problem. A version that
// answers is well: what a reload did not bring is for its administrator.
func stateOf(i *engine.Info) (pb.ModelVersionStatus_State, *pb.StatusProto) {
	switch {
	case i.Ready:
		return pb.ModelVersionStatus_AVAILABLE, &pb.StatusProto{}
	case i.Problem != "":
		return pb.ModelVersionStatus_END, &pb.StatusProto{ErrorCode: pb.Code_UNAVAILABLE, ErrorMessage: i.Problem}
	}
	return pb.ModelVersionStatus_LOADING, &pb.StatusProto{}
}
