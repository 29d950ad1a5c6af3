// Package machine tells about the machine and the process: what the processor
// is and can do, and how much memory the process took.
package machine

import (
	"reflect"
	"strings"
	"time"

	"golang.org/x/sys/cpu"
)

// loaded is when the program had been loaded and its packages were initialized.
var loaded = time.Now()

// Features lists the features of the processor that the operating system lets
// programs use, such as "avx2" and "fma".
func Features() []string {
	var names []string
	for _, arch := range []any{cpu.X86, cpu.ARM64} {
		v := reflect.ValueOf(arch)
		for i := range v.NumField() {
			name, ok := strings.CutPrefix(v.Type().Field(i).Name, "Has")
			if ok && v.Field(i).Bool() {
				names = append(names, strings.ToLower(name))
			}
		}
	}
	return names
}
