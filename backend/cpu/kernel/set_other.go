//go:build !amd64 || purego

package kernel

var sets = []*Set{&generic}
