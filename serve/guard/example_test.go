package guard_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/gradus-ml/gradus/serve/guard"
)

func Example() {
	token, line, err := guard.NewKey("ann")
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := guard.New(guard.Settings{
		Limits: guard.DefaultLimits(), Request: 30 * time.Second,
		Keys:  guard.Keys{List: []string{line}},
		Scope: func(r *http.Request) guard.Scope { return guard.Predict },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	h := guard.Identify(g.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, free, err := guard.Body(r)
		if err != nil {
			guard.Fail(w, r, err)
			return
		}
		defer free()
		fmt.Fprintf(w, "%s sent %d bytes\n", guard.VisitOf(r.Context()).Key, len(body))
	})))
	for _, key := range []string{"", token} {
		r := httptest.NewRequest("POST", "/", strings.NewReader("hello"))
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		fmt.Print(w.Code, " ", w.Body)
	}
	// Output:
	// 401 {"error":"a valid key is needed, as Authorization: Bearer KEY or X-API-Key: KEY"}
	// 200 ann sent 5 bytes
}

func ExampleParseKey() {
	k, err := guard.ParseKey("ann:sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824:predict:models=mnist:rate=20")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(k.Name, k.Scopes, k.Models, k.Rate.PerSecond, k.May(guard.Admin))
	// Output: ann [predict] [mnist] 20 false
}
