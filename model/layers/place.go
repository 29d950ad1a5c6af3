package layers

import "errors"

// A problem is what is wrong with the setting under a key.
type problem struct {
	key string
	err error
}

func (p *problem) Error() string { return p.key + ": " + p.err.Error() }
func (p *problem) Unwrap() error { return p.err }

// under puts a key before those of what is wrong.
func under(key string, err error) error {
	if err == nil {
		return nil
	}
	if p, ok := err.(*problem); ok {
		return &problem{key + "." + p.key, p.err}
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, under(key, e))
		}
		return errors.Join(errs...)
	}
	return &problem{key, err}
}
