//go:build arm64 && !purego

package kernel

import "unsafe"

var cellsNEON = cells{
	forward:  [4]func(*cellRow){LSTMCell: cellLSTM128, GRUCell: cellGRU128},
	backward: [4]func(*cellRow){LSTMCell: cellLSTMGrad128, GRUCell: cellGRUGrad128},
}

func cellLSTM128(r *cellRow)     { cellLSTMNEON((*cellWords)(unsafe.Pointer(r))) }
func cellLSTMGrad128(r *cellRow) { cellLSTMGradNEON((*cellWords)(unsafe.Pointer(r))) }
func cellGRU128(r *cellRow)      { cellGRUNEON((*cellWords)(unsafe.Pointer(r))) }
func cellGRUGrad128(r *cellRow)  { cellGRUGradNEON((*cellWords)(unsafe.Pointer(r))) }
