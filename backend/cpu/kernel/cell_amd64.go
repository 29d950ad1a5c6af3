//go:build amd64 && !purego

package kernel

import "unsafe"

var cellsAVX2 = cells{
	forward:  [4]func(*cellRow){LSTMCell: cellLSTM2, GRUCell: cellGRU2},
	backward: [4]func(*cellRow){LSTMCell: cellLSTMGrad2, GRUCell: cellGRUGrad2},
}

var cellsAVX512 = cells{
	forward:  [4]func(*cellRow){LSTMCell: cellLSTM512, GRUCell: cellGRU512},
	backward: [4]func(*cellRow){LSTMCell: cellLSTMGrad512, GRUCell: cellGRUGrad512},
}

func cellLSTM2(r *cellRow)       { cellLSTMAVX2((*cellWords)(unsafe.Pointer(r))) }
func cellLSTMGrad2(r *cellRow)   { cellLSTMGradAVX2((*cellWords)(unsafe.Pointer(r))) }
func cellGRU2(r *cellRow)        { cellGRUAVX2((*cellWords)(unsafe.Pointer(r))) }
func cellGRUGrad2(r *cellRow)    { cellGRUGradAVX2((*cellWords)(unsafe.Pointer(r))) }
func cellLSTM512(r *cellRow)     { cellLSTMAVX512((*cellWords)(unsafe.Pointer(r))) }
func cellLSTMGrad512(r *cellRow) { cellLSTMGradAVX512((*cellWords)(unsafe.Pointer(r))) }
func cellGRU512(r *cellRow)      { cellGRUAVX512((*cellWords)(unsafe.Pointer(r))) }
func cellGRUGrad512(r *cellRow)  { cellGRUGradAVX512((*cellWords)(unsafe.Pointer(r))) }
