package guard

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Keys are where the keys of clients are written. A key is a line
//
//	NAME:sha256:HEX[:SCOPE,SCOPE...][:models=MODEL,MODEL...][:rate=N]
//
// with the SHA-256 of the key itself, which [NewKey] makes and the server never
// keeps. Scopes are predict, which a key has if none is named, metrics, and
// admin, which has the others in it. Models are those that it may use, all if
// none is named: since figures and administration are of the whole server, such
// a key has the scope predict alone. The rate is in requests a second. Empty lines of a file, and
// those that begin with #, say nothing.
//
// A plain hash is right for these keys, where passwords would want a slow one
// with salt: 256 random bits can't be guessed at any speed, and no two are equal.
type Keys struct {
	File string   `json:"file" yaml:"file"` // a file of such lines; empty for none
	List []string `json:"list" yaml:"list"` // such lines
}

// Any tells whether there are keys, so that clients need one.
func (k Keys) Any() bool { return k.File != "" || len(k.List) > 0 }

// A Scope is what a key is good for.
type Scope string

// The scopes.
const (
	Predict Scope = "predict" // the models
	Metrics Scope = "metrics" // figures of the server
	Admin   Scope = "admin"   // everything
)

// A Key is one client's.
type Key struct {
	Name   string
	Scopes []Scope
	Models []string // that it may use; nil for all
	Rate   *Rate    // nil for that of the server
	hash   [sha256.Size]byte
}

// May tells whether the key is good for something.
func (k *Key) May(s Scope) bool {
	return slices.Contains(k.Scopes, s) || slices.Contains(k.Scopes, Admin)
}

// keyPrefix begins every key, so that scanners of secrets and people know one.
const keyPrefix = "gradus_"

// NewKey makes a key of 256 random bits for a client, and the line for the
// server, which can be added to by more fields.
func NewKey(name string, scopes ...Scope) (key, line string, err error) {
	var bits [32]byte
	rand.Read(bits[:])
	key = keyPrefix + base64.RawURLEncoding.EncodeToString(bits[:])
	hash := sha256.Sum256([]byte(key))
	line = name + ":sha256:" + hex.EncodeToString(hash[:])
	separator := ":"
	for _, s := range scopes {
		line += separator + string(s)
		separator = ","
	}
	_, err = ParseKey(line)
	return key, line, err
}

// word is the name of a key or model in a line.
var word = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,127}$`)

// ParseKey reads the line of a key.
func ParseKey(line string) (*Key, error) {
	parts := strings.Split(line, ":")
	if len(parts) < 3 || parts[1] != "sha256" {
		return nil, errors.New(`a key is NAME:sha256:HEX, as "gradus serve key" writes it`)
	}
	k := &Key{Name: parts[0]}
	if !word.MatchString(k.Name) {
		return nil, errors.New("the name of a key has up to 128 letters, digits and . _ @ -, and begins with a letter or digit")
	}
	if len(parts[2]) != hex.EncodedLen(len(k.hash)) {
		return nil, fmt.Errorf("key %s: a SHA-256 has %d hexadecimal digits, got %d", k.Name, hex.EncodedLen(len(k.hash)), len(parts[2]))
	}
	if _, err := hex.Decode(k.hash[:], []byte(parts[2])); err != nil {
		return nil, fmt.Errorf("key %s: the hash is not hexadecimal", k.Name)
	}
	for _, part := range parts[3:] {
		kind, value, named := strings.Cut(part, "=")
		switch {
		case !named && k.Scopes == nil:
			for s := range strings.SplitSeq(part, ",") {
				if scope := Scope(s); scope != Predict && scope != Metrics && scope != Admin {
					return nil, fmt.Errorf("key %s: there is no scope %q; there are predict, metrics and admin", k.Name, s)
				}
				k.Scopes = append(k.Scopes, Scope(s))
			}
		case named && kind == "models" && k.Models == nil:
			k.Models = strings.Split(value, ",")
			for _, m := range k.Models {
				if !word.MatchString(m) {
					return nil, fmt.Errorf("key %s: %q is no name of a model", k.Name, m)
				}
			}
		case named && kind == "rate" && k.Rate == nil:
			n, err := strconv.ParseFloat(value, 64)
			if err != nil {
				return nil, fmt.Errorf("key %s: rate %q is not a number", k.Name, value)
			}
			k.Rate = &Rate{PerSecond: n, Burst: int(max(1, min(n, 1e6)))}
			if err := k.Rate.Validate(); err != nil {
				return nil, fmt.Errorf("key %s: rate: %w", k.Name, err)
			}
		default:
			return nil, fmt.Errorf("key %s: after the hash come scopes, models=... and rate=..., each once, not %q", k.Name, part)
		}
	}
	if k.Scopes == nil {
		k.Scopes = []Scope{Predict}
	}
	if k.Models != nil && (k.May(Metrics) || k.May(Admin)) {
		return nil, fmt.Errorf("key %s: metrics and admin are of all models: a key with models=... has the scope predict alone", k.Name)
	}
	return k, nil
}

// most of a file of keys.
const keysBytes = 4 << 20

// A keyring is all keys of a server.
type keyring []*Key

// read reads the keys of the settings.
func (k Keys) read() (keyring, error) {
	var ring keyring
	var errs []error
	add := func(place, line string) {
		key, err := ParseKey(line)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", place, err))
		case slices.ContainsFunc(ring, func(other *Key) bool { return other.Name == key.Name }):
			errs = append(errs, fmt.Errorf("%s: there is a key %s before", place, key.Name))
		default:
			ring = append(ring, key)
		}
	}
	for i, line := range k.List {
		add(fmt.Sprintf("keys.list.%d", i), line)
	}
	if k.File != "" {
		f, err := os.Open(k.File)
		if err != nil {
			return nil, fmt.Errorf("keys: %w", err)
		}
		defer f.Close()
		text := &io.LimitedReader{R: f, N: keysBytes + 1}
		lines := bufio.NewScanner(text)
		for n := 1; lines.Scan(); n++ {
			if line := strings.TrimSpace(lines.Text()); line != "" && line[0] != '#' {
				add(fmt.Sprintf("%s:%d", k.File, n), line)
			}
		}
		if text.N == 0 {
			return nil, fmt.Errorf("keys: %s has more than %d bytes", k.File, keysBytes)
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("keys: %s: %w", k.File, err)
		}
	}
	if len(ring) == 0 && len(errs) == 0 && k.Any() {
		errs = append(errs, fmt.Errorf(`%s has no key; "gradus serve key NAME" makes one`, k.File))
	}
	return ring, errors.Join(errs...)
}

// Validate tells all that is wrong with the keys that stand in the settings.
func (k Keys) Validate() error {
	_, err := Keys{List: k.List}.read()
	return err
}

// find looks a key up. It compares hashes, all of them, each in constant time:
// the time tells neither how much of a key is right nor which it is.
func (r keyring) find(token string) *Key {
	hash := sha256.Sum256([]byte(token))
	found := -1
	for i, k := range r {
		found = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], k.hash[:]), i, found)
	}
	if found < 0 {
		return nil
	}
	return r[found]
}
