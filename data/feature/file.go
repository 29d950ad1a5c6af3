package feature

import (
	"encoding/json"
	"fmt"

	"github.com/gradus-ml/gradus/config"
)

// Marshal writes a set as JSON. Parse gives one that encodes the same bits.
func (s *Set) Marshal() ([]byte, error) { return config.EncodeJSON(s, encoderKinds()) }

// Parse reads what Marshal has written. The path serves messages. A file of a
// newer format is refused.
func Parse(text []byte, path string) (*Set, error) {
	// A newer format may have other keys; what is wrong is its number.
	var version struct{ Format int }
	if json.Unmarshal(text, &version) == nil && version.Format > Format {
		return nil, fmt.Errorf("%s: %w", path, (&Set{Format: version.Format}).Validate())
	}
	s := &Set{}
	if err := config.Decode(text, path, s, encoderKinds()); err != nil {
		return nil, err
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
