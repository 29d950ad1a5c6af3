package file

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// S3From finds out where objects are and who asks for them as other programs
// do: from the variables of an environment, and the files that Amazon's tools
// share. It returns nil if neither has anything. getenv is os.Getenv in
// programs.
//
//	AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//	AWS_REGION, AWS_DEFAULT_REGION
//	AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL
//	AWS_PROFILE                                    in the files, or "default"
//	AWS_SHARED_CREDENTIALS_FILE, AWS_CONFIG_FILE   or ~/.aws/credentials and ~/.aws/config
//
// What a variable says goes before what a file says. Of a file it takes the
// profile's aws_access_key_id, aws_secret_access_key, aws_session_token, region
// and endpoint_url; credentials of other kinds are not looked for. Without a
// region it is us-east-1.
func S3From(getenv func(string) string) (*S3, error) {
	profile := getenv("AWS_PROFILE")
	section := cmp.Or(profile, "default")
	inConfig := section
	if section != "default" {
		inConfig = "profile " + section
	}
	settings := map[string]string{}
	known := false
	for _, f := range []struct{ variable, usual, section string }{
		{"AWS_SHARED_CREDENTIALS_FILE", "credentials", section},
		{"AWS_CONFIG_FILE", "config", inConfig},
	} {
		path := getenv(f.variable)
		if path == "" {
			home := cmp.Or(getenv("HOME"), getenv("USERPROFILE"))
			if home == "" {
				continue
			}
			path = filepath.Join(home, ".aws", f.usual)
		}
		ok, err := readSection(settings, path, f.section)
		if err != nil && (getenv(f.variable) != "" || !errors.Is(err, fs.ErrNotExist)) {
			return nil, fmt.Errorf("S3 settings: %w", err)
		}
		known = known || ok
	}
	if profile != "" && !known {
		return nil, fmt.Errorf("S3 settings: AWS_PROFILE is %q, which neither the file of credentials nor that of settings has", profile)
	}
	c := &S3{
		Endpoint:  cmp.Or(getenv("AWS_ENDPOINT_URL_S3"), getenv("AWS_ENDPOINT_URL"), settings["endpoint_url"]),
		Region:    cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"), settings["region"]),
		AccessKey: getenv("AWS_ACCESS_KEY_ID"), SecretKey: getenv("AWS_SECRET_ACCESS_KEY"), Token: getenv("AWS_SESSION_TOKEN"),
	}
	if c.AccessKey == "" && c.SecretKey == "" {
		c.AccessKey, c.SecretKey, c.Token = settings["aws_access_key_id"], settings["aws_secret_access_key"], settings["aws_session_token"]
	}
	if *c == (S3{}) {
		return nil, nil
	}
	c.Region = cmp.Or(c.Region, "us-east-1")
	return c, c.Validate()
}

// readSection adds the settings of a section of a file; ok tells whether it is
// there.
func readSection(settings map[string]string, path, section string) (ok bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	in := false
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		trimmed := strings.TrimSpace(line)
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		if trimmed[0] == '[' {
			name, _, closed := strings.Cut(trimmed[1:], "]")
			if !closed {
				return ok, fmt.Errorf("%s:%d: the bracket [ is not closed", path, n)
			}
			in = strings.Join(strings.Fields(name), " ") == section
			ok = ok || in
			continue
		}
		if !in || line[0] == ' ' || line[0] == '\t' { // settings of settings are indented
			continue
		}
		key, value, found := strings.Cut(trimmed, "=")
		if !found {
			return ok, fmt.Errorf("%s:%d: want KEY = VALUE", path, n)
		}
		settings[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
	}
	if err := lines.Err(); err != nil {
		return ok, fmt.Errorf("%s: %w", path, err)
	}
	return ok, nil
}
