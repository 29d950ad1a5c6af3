//go:build (!amd64 && !arm64) || purego

package kernel

var sets = []*Set{&generic}
