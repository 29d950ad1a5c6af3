//go:build !race

package feature_test

const raceEnabled = false
