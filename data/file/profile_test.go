package file

import (
	"errors"
	"strings"
	"testing"
)

func TestS3From(t *testing.T) {
	inFolder(t,
		"home/.aws/credentials=# mine\n[default]\naws_access_key_id = AK\naws_secret_access_key=S=K\n\n[lab]\naws_access_key_id=LK\naws_secret_access_key=LS\naws_session_token=LT\n",
		"home/.aws/config=[default]\nregion = eu-central-1\ns3 =\n  region = nested\n[profile  lab]\nregion=lab-1\nendpoint_url = https://lab.example.org\n[services x]\nno setting\n",
		"other=[default]\nREGION = elsewhere\n", "broken=[default]\nregion\n", "open=[default\n", "empty=")
	for _, c := range []struct {
		env  string
		want S3
		none bool
		err  string
	}{
		{env: "", none: true},
		{env: "HOME=home", want: S3{Region: "eu-central-1", AccessKey: "AK", SecretKey: "S=K"}},
		{env: "USERPROFILE=home AWS_PROFILE=lab", want: S3{"https://lab.example.org", "lab-1", "LK", "LS", "LT"}},
		{env: "HOME=home AWS_ACCESS_KEY_ID=E AWS_SECRET_ACCESS_KEY=F", want: S3{Region: "eu-central-1", AccessKey: "E", SecretKey: "F"}},
		{env: "HOME=home AWS_CONFIG_FILE=other AWS_DEFAULT_REGION=", want: S3{Region: "elsewhere", AccessKey: "AK", SecretKey: "S=K"}},
		{env: "AWS_DEFAULT_REGION=a AWS_REGION=b", want: S3{Region: "b"}},
		{env: "AWS_ENDPOINT_URL=http://a AWS_ENDPOINT_URL_S3=http://b", want: S3{Endpoint: "http://b", Region: "us-east-1"}},
		{env: "AWS_SHARED_CREDENTIALS_FILE=empty", none: true},
		{env: "HOME=home AWS_PROFILE=nobody", err: `AWS_PROFILE is "nobody"`},
		{env: "AWS_CONFIG_FILE=nowhere", err: "nowhere"},
		{env: "AWS_CONFIG_FILE=broken", err: "broken:2: want KEY = VALUE"},
		{env: "AWS_CONFIG_FILE=open", err: "open:1: the bracket [ is not closed"},
		{env: "AWS_ACCESS_KEY_ID=E", err: "one is missing"},
		{env: "AWS_ENDPOINT_URL=host:90", err: `endpoint "host:90"`},
	} {
		got, err := S3From(func(name string) string {
			for _, pair := range strings.Fields(c.env) {
				if v, ok := strings.CutPrefix(pair, name+"="); ok {
					return v
				}
			}
			return ""
		})
		switch {
		case c.err != "":
			wants(t, err, c.err)
		case err != nil || (got == nil) != c.none || got != nil && *got != c.want:
			t.Errorf("%s: %+v, %v", c.env, got, err)
		}
	}
}

// Settings that are wrong trouble only who names an object.
func TestS3Late(t *testing.T) {
	inFolder(t, "a.csv=x")
	n := 0
	s := system(t, WithS3From(func() (*S3, error) { n++; return nil, errors.New("the settings are wrong") }))
	if got, err := read(s, "a.csv"); got != "x" || err != nil || n != 0 {
		t.Error(got, err, n)
	}
	for range 2 {
		_, err := read(s, "s3://b/a.csv")
		wants(t, err, "file: s3://b/a.csv: the settings are wrong")
		_, err = s.Find(t.Context(), "s3://b/*.csv")
		wants(t, err, "file: s3://b/*.csv: the settings are wrong")
	}
	if n != 1 {
		t.Errorf("asked %d times", n)
	}
	_, err := read(system(t, WithS3From(func() (*S3, error) { return nil, nil })), "s3://b/a.csv")
	wants(t, err, "no S3 store is set up")
	_, err = read(system(t, WithS3From(func() (*S3, error) { return &S3{}, nil })), "s3://b/a.csv")
	wants(t, err, "a region is wanted")
}
