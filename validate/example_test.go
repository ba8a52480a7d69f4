package validate_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/validate"
)

type signIn struct {
	User     string        `in:"form user" rule:"login,max=64"`
	Password skans.Secret  `in:"form password" rule:"secret,max=256"`
	Born     validate.Date `in:"form born" rule:"past" opt:""`
	Tab      int           `in:"query tab" rule:"min=0,max=9" opt:"0"`
}

// A schema is a package variable: a tag that is wrong does not start the program.
var signInForm = validate.Must[signIn](validate.Options{Methods: []string{"POST"}})

func ExampleSchema_Handle() {
	mux := http.NewServeMux()
	mux.Handle("POST /login", signInForm.Handle(func(w http.ResponseWriter, _ *http.Request, in signIn) {
		fmt.Fprintln(w, "hello", in.User, in.Password)
	}))
	send := func(body string) {
		r := httptest.NewRequest("POST", "/login?tab=1", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, strings.SplitN(w.Body.String(), `"ref"`, 2)[0])
	}
	send("user=anna&password=hunter2")
	send("user=anna&password=hunter2&role=admin")
	// Output:
	// 200 hello anna [secret]
	//
	// 422 {"type":"about:blank","title":"Unprocessable Entity","status":422,
}

func ExampleSchema_Parse() {
	r := httptest.NewRequest("POST", "/?tab=12", strings.NewReader("user=Anna&password=x"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	_, err := signInForm.Parse(httptest.NewRecorder(), r)
	var refused *validate.Error
	if errors.As(err, &refused) {
		for _, f := range refused.Fields {
			fmt.Println(f.In, f.Name, f.Code, "-", f.Message)
		}
	}
	// Output:
	// form user character - Has a character that is not allowed here.
	// query tab high - Must be at most 9.
}

func ExampleSchema_Describe() {
	fmt.Print(signInForm.Describe())
	// Output:
	// schema signIn
	// methods POST
	// body form, at most 74248 bytes
	// form born; validate.Date; rule past; missing means ""
	// form password; skans.Secret; class secret (any characters but controls, as they were typed); 1 to 256 characters, at most 1024 bytes; rule secret,max=256; required
	// form user; string; class login (a-z 0-9 . @ - _, beginning with a letter or digit); 1 to 64 characters, at most 256 bytes; rule login,max=64; required
	// query tab; int; rule min=0,max=9; missing means "0"
}

func ExampleNewClass() {
	plate := validate.NewClass("plate", func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' })
	type parking struct {
		Plate string `in:"query plate" rule:"plate,min=5,max=7"`
	}
	s := validate.Must[parking](validate.Options{Classes: []validate.Class{plate}})
	in, err := s.Parse(nil, httptest.NewRequest("GET", "/?plate=ABC123", nil))
	fmt.Println(in.Plate, err)
	// Output: ABC123 <nil>
}
