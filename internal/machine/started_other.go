//go:build !linux

package machine

import "time"

// Started is when the process started, as far as a Go program knows.
func Started() time.Time { return loaded }
