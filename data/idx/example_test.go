package idx_test

import (
	"fmt"
	"strings"

	"github.com/gradus-ml/gradus/data/idx"
)

func ExampleDecode() {
	const file = "\x00\x00\x08\x02" + // bytes, two axes
		"\x00\x00\x00\x02\x00\x00\x00\x03" + // of 2 and 3
		"abcdef"
	t, err := idx.Decode(strings.NewReader(file), int64(len(file)), "letters")
	fmt.Println(t, err)

	short := file[:len(file)-1]
	_, err = idx.Decode(strings.NewReader(short), int64(len(short)), "letters")
	fmt.Println(err)
	// Output:
	// u8[2 3] <nil>
	// idx: letters: offset 12: 6 bytes wanted for u8[2 3], the file has 5 (truncated?)
}
