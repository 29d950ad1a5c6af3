package module

import (
	"errors"
	"slices"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		pattern, key string
		want         bool
	}{
		{"fc.weight", "fc.weight", true},
		{"fc", "fc.weight", false},
		{"layer1.*", "layer1.0.conv1.weight", true},
		{"layer1.*", "layer10.weight", false},
		{"layer1*", "layer10.weight", true},
		{"*.bias", "a.b.bias", true},
		{"*.bias", "bias", false},
		{"*bias", "bias", true},
		{"*", "", true},
		{"", "", true},
		{"", "a", false},
		{"h.*.attn.*.weight", "h.0.attn.c_attn.weight", true},
		{"h.*.attn.*.weight", "h.0.mlp.c_fc.weight", false},
		{"a*b*a", "aba", true},
		{"a*ba", "aba", true},
		{"ab*ba", "aba", false}, // no character serves twice
		{"a**b", "ab", true},
		{"*ab*ab", "abab", true},
		{"*ab*ab", "aab", false},
	} {
		if got := Match(tc.pattern, tc.key); got != tc.want {
			t.Errorf("%q fits %q: %v", tc.pattern, tc.key, got)
		}
		if d := distance(tc.pattern, tc.key); (d == 0) != tc.want {
			t.Errorf("%q is %d changes from %q", tc.pattern, d, tc.key)
		}
	}
}

func TestMatchAll(t *testing.T) {
	keys := []string{"conv1.weight", "conv1.bias", "layer1.0.conv1.weight", "fc.weight", "fc.bias"}
	got, err := MatchAll([]string{"fc.*", "*.bias", "fc.weight"}, keys)
	if want := []int{-1, 1, -1, 0, 0}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v; want %v", got, err, want)
	}
	if got, err := MatchAll(nil, keys); err != nil || slices.Max(got) != -1 {
		t.Errorf("without a pattern: %v, %v", got, err)
	}
	for pattern, want := range map[string]string{
		"layer1":     `"layer1" fits no key; near it are layer1.*`,
		"layer1.":    `"layer1." fits no key; near it are layer1.*`,
		"fc.wieght":  `"fc.wieght" fits no key; near it are fc.weight, fc.bias, conv1.weight`,
		"layer2.*":   `"layer2.*" fits no key; near it are layer1.0.conv1.weight, conv1.weight, conv1.bias`,
		"*.biass":    `"*.biass" fits no key; near it are conv1.bias, fc.bias, conv1.weight`,
		"nothing at": "",
	} {
		_, err := MatchAll([]string{"*", pattern}, keys)
		var no *NoMatchError
		if !errors.As(err, &no) || no.Pattern != pattern {
			t.Errorf("%s: error %v", pattern, err)
			continue
		}
		if want != "" && err.Error() != want {
			t.Errorf("%s: %v, want %s", pattern, err, want)
		}
	}
	if _, err := MatchAll([]string{"a"}, nil); err == nil || err.Error() != `"a" fits no key, and there is none` {
		t.Errorf("without keys: %v", err)
	}
}

// Match agrees with the distance computed by other means.
func FuzzMatch(f *testing.F) {
	f.Add("a*b", "acb")
	f.Fuzz(func(t *testing.T, pattern, key string) {
		if len(pattern) > 100 || len(key) > 100 {
			return
		}
		if Match(pattern, key) != (distance(pattern, key) == 0) {
			t.Errorf("%q and %q", pattern, key)
		}
	})
}
