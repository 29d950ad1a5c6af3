//go:build !unix

package kernel

import "testing"

// fenced returns n zeros; there is no fence on this system.
func fenced[T any](_ testing.TB, n int, _ bool) []T { return make([]T, n) }
