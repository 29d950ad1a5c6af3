package guard

import (
	"fmt"
	"net/http"
)

// ValidOrigin tells what is wrong with the origin of a web page, which is
// SCHEME://HOST[:PORT].
func ValidOrigin(origin string) error {
	if err := http.NewCrossOriginProtection().AddTrustedOrigin(origin); err != nil {
		return fmt.Errorf("%q is not SCHEME://HOST[:PORT]", origin)
	}
	return nil
}
