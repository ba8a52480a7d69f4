package session_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/session"
)

// Where a request comes from, by its headers: the Fetch Metadata specification, and RFC 6454 for Origin.
func TestOrigin(t *testing.T) {
	const pass, refuse = 200, 403
	type headers map[string]string
	for _, test := range []struct {
		name      string
		method    string
		headers   headers
		with      int // status with a session and its token
		anonymous int // status without a cookie
	}{
		{"same origin", "POST", headers{"Sec-Fetch-Site": "same-origin"}, pass, pass},
		{"typed by the user", "POST", headers{"Sec-Fetch-Site": "none"}, pass, pass},
		{"same site is another host", "POST", headers{"Sec-Fetch-Site": "same-site"}, refuse, refuse},
		{"cross site", "POST", headers{"Sec-Fetch-Site": "cross-site"}, refuse, refuse},
		{"cross site with our Origin", "POST", headers{"Sec-Fetch-Site": "cross-site", "Origin": origin}, pass, pass},
		{"same site with our Origin", "POST", headers{"Sec-Fetch-Site": "same-site", "Origin": "https://app.example"}, pass, pass},
		{"unknown word", "POST", headers{"Sec-Fetch-Site": "Same-Origin"}, refuse, refuse},
		{"our Origin", "POST", headers{"Origin": origin}, pass, pass},
		{"null", "POST", headers{"Origin": "null"}, refuse, refuse},
		{"empty Origin", "POST", headers{"Origin": ""}, refuse, refuse},
		{"http of the same host", "POST", headers{"Origin": "http://mail.example"}, refuse, refuse},
		{"another port", "POST", headers{"Origin": "https://mail.example:8443"}, refuse, refuse},
		{"a longer host", "POST", headers{"Origin": "https://mail.example.evil.test"}, refuse, refuse},
		{"capitals", "POST", headers{"Origin": "https://MAIL.example"}, refuse, refuse},
		{"with a path", "POST", headers{"Origin": origin + "/"}, refuse, refuse},
		{"neither header", "POST", headers{}, refuse, pass},
		{"PUT from elsewhere", "PUT", headers{"Sec-Fetch-Site": "cross-site"}, refuse, refuse},
		{"DELETE from elsewhere", "DELETE", headers{"Origin": "https://evil.test"}, refuse, refuse},
		{"unknown method", "PURGE", headers{"Sec-Fetch-Site": "cross-site"}, refuse, refuse},
		{"lower case is no GET", "get", headers{"Sec-Fetch-Site": "cross-site"}, refuse, refuse},
		{"GET from elsewhere", "GET", headers{"Sec-Fetch-Site": "cross-site"}, pass, pass},
		{"HEAD from elsewhere", "HEAD", headers{"Sec-Fetch-Site": "cross-site"}, pass, pass},
		{"OPTIONS from elsewhere", "OPTIONS", headers{"Origin": "https://evil.test"}, pass, pass},
		{"WebSocket of ours", "GET", headers{"Upgrade": "websocket", "Origin": origin}, pass, pass},
		{"WebSocket from elsewhere", "GET", headers{"Upgrade": "websocket", "Origin": "https://evil.test"}, refuse, refuse},
		{"WebSocket cross site", "GET", headers{"Upgrade": "WebSocket", "Sec-Fetch-Site": "cross-site"}, refuse, refuse},
		{"WebSocket among others", "GET", headers{"Upgrade": "h2c, websocket", "Origin": "null"}, refuse, refuse},
		{"WebSocket with neither header", "GET", headers{"Upgrade": "websocket"}, refuse, pass},
		{"another upgrade", "GET", headers{"Upgrade": "h2c", "Origin": "https://evil.test"}, pass, pass},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := &journal{}
			m := newManager(t, session.Config{Origins: []string{origin, "https://app.example"}, Audit: log.record})
			b := newBrowser(nil)
			b.signIn(t, m, "anna")
			token := b.csrf(m, "")
			b.handler = m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			request := func() *http.Request {
				r := b.request("GET", "/", nil)
				r.Method = test.method
				r.Header.Del("Sec-Fetch-Site")
				for name, value := range test.headers {
					r.Header.Set(name, value)
				}
				return r
			}
			log.take()
			r := request()
			r.Header.Set("X-CSRF-Token", token)
			w := b.do(r)
			require.Equal(t, test.with, w.Code)
			if test.with == refuse {
				e := log.one(t, session.EventCSRF)
				require.Equal(t, "origin", e["reason"])
				require.Equal(t, "anna", e["user"])
				require.Contains(t, w.Body.String(), e["ref"], "the page shows the reference of the event")
			}
			b.cookie = ""
			require.Equal(t, test.anonymous, b.do(request()).Code)
		})
	}
	t.Run("repeated headers", func(t *testing.T) {
		b := newBrowser(newManager(t, session.Config{}).Handler(http.NotFoundHandler()))
		for name, value := range map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": origin} {
			r := b.request("POST", "/", nil)
			r.Header.Del("Sec-Fetch-Site")
			r.Header[name] = []string{value, "x"}
			require.Equal(t, 403, b.do(r).Code)
			if r.Header.Get("Origin") == "" { // nor does the other header make up for it
				r.Header.Set("Origin", origin)
			} else {
				r.Header.Set("Sec-Fetch-Site", "same-origin")
			}
			require.Equal(t, 403, b.do(r).Code)
		}
	})
	t.Run("a token does not make up for WebSocket in a POST", func(t *testing.T) {
		m := newManager(t, session.Config{})
		b := newBrowser(nil)
		b.signIn(t, m, "anna")
		b.handler = m.Handler(http.NotFoundHandler())
		r := b.request("POST", "/", nil)
		r.Header.Set("Upgrade", "websocket")
		require.Equal(t, 403, b.do(r).Code, "only a GET is an upgrade; a POST needs its token")
	})
}

// A login from a form on another site would sign the visitor in to the attacker's account.
func TestLoginAndLogoutAreProtected(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	var err error
	b.handler = m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if s := session.From(r.Context()); r.URL.Path == "/login" {
			err = s.Login(r.Context(), "mallory", session.Password)
		} else {
			err = s.Logout(r.Context())
		}
	}))
	r := b.request("POST", "/login", nil)
	r.Header.Del("Sec-Fetch-Site")
	b.do(r)
	require.ErrorIs(t, err, session.ErrCSRF)
	require.Empty(t, b.cookie)

	b.signIn(t, m, "anna")
	b.do(b.request("GET", "/logout", nil))
	require.ErrorIs(t, err, session.ErrCSRF, "a picture on another page must not sign out")
	var refusal *session.Refusal
	require.ErrorAs(t, err, &refusal)
	require.Equal(t, 403, refusal.Status)
	require.Equal(t, "anna", b.user(m))
}

func TestTokenMatrix(t *testing.T) {
	m := newManager(t, session.Config{})
	anna, bo := newBrowser(nil), newBrowser(nil)
	anna.csrf(m, "")
	old := anna.csrf(m, "delete", "42")
	anna.signIn(t, m, "anna")
	bo.signIn(t, m, "bo")
	tokens := map[string]string{
		"none":                   "",
		"general":                anna.csrf(m, ""),
		"of the action":          anna.csrf(m, "delete", "42"),
		"of another action":      anna.csrf(m, "edit", "42"),
		"of another object":      anna.csrf(m, "delete", "43"),
		"of no object":           anna.csrf(m, "delete"),
		"of parts shifted":       anna.csrf(m, "delete4", "2"),
		"of another session":     bo.csrf(m, "delete", "42"),
		"of another generation":  old,
		"not base64":             "?" + anna.csrf(m, "delete", "42")[1:],
		"with padding":           anna.csrf(m, "delete", "42") + "=",
		"cut":                    anna.csrf(m, "delete", "42")[2:],
		"empty mask and payload": base64.RawURLEncoding.EncodeToString(make([]byte, 66)),
		"100 kB":                 strings.Repeat("A", 100_000),
	}
	action := session.Action("delete", func(r *http.Request) string { return r.URL.Query().Get("id") }, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	mux := http.NewServeMux()
	mux.Handle("/delete", action)
	mux.Handle("/once", session.Once("delete", nil, http.NotFoundHandler()))
	mux.HandleFunc("/any", func(http.ResponseWriter, *http.Request) {})
	anna.handler = m.Handler(mux)
	valid := map[string]bool{"general": true, "of the action": true, "of another action": true, "of another object": true, "of no object": true, "of parts shifted": true}
	for name, token := range tokens {
		t.Run(name, func(t *testing.T) {
			status := map[bool]int{true: 200, false: 403}
			require.Equal(t, status[valid[name]], anna.post("/any", form("csrf", token)).Code)
			require.Equal(t, status[name == "of the action"], anna.post("/delete?id=42", form("csrf", token)).Code)
			require.Equal(t, 403, anna.post("/once", form("csrf", token)).Code)
			r := anna.request("POST", "/any", nil)
			r.Header.Set("X-CSRF-Token", token)
			require.Equal(t, status[valid[name]], anna.do(r).Code, "in the header")
			require.Equal(t, 403, anna.post("/any?csrf="+url.QueryEscape(token), nil).Code, "never in the URL")
		})
	}
	t.Run("every bit counts", func(t *testing.T) {
		raw, err := base64.RawURLEncoding.DecodeString(tokens["of the action"])
		require.NoError(t, err)
		for i := range raw {
			raw[i] ^= 1
			require.Equal(t, 403, anna.post("/any", form("csrf", base64.RawURLEncoding.EncodeToString(raw))).Code, "byte %d", i)
			raw[i] ^= 1
		}
	})
	t.Run("another text each time", func(t *testing.T) {
		require.NotEqual(t, anna.csrf(m, ""), anna.csrf(m, ""))
	})
	t.Run("an action outside the Handler refuses", func(t *testing.T) {
		w := httptest.NewRecorder()
		action.ServeHTTP(w, httptest.NewRequest("POST", origin+"/delete?id=42", nil))
		require.Equal(t, 403, w.Code)
	})
	t.Run("an action without a session refuses", func(t *testing.T) {
		b := newBrowser(anna.handler)
		require.Equal(t, 403, b.post("/delete?id=42", form("csrf", tokens["of the action"])).Code)
		require.Equal(t, 200, b.post("/any", nil).Code, "there is nothing to forge")
	})
	t.Run("origin check only", func(t *testing.T) {
		loose := newManager(t, session.Config{InsecureOriginCheckOnly: true})
		b := newBrowser(nil)
		b.signIn(t, loose, "anna")
		b.handler = loose.Handler(mux)
		require.Equal(t, 200, b.post("/any", nil).Code)
		require.Equal(t, 403, b.post("/delete?id=42", nil).Code, "a declared action still demands its token")
	})
}

// Bodies that carry the token read, for the handler, as if nobody had looked.
func TestTokenInBodies(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	token := b.csrf(m, "")
	var got string
	b.handler = m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err)
		require.NoError(t, r.Body.Close())
		got = string(body)
	}))
	const urlencoded, multi = "application/x-www-form-urlencoded", "multipart/form-data; boundary=xyz"
	part := func(name, value string) string {
		return "--xyz\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n"
	}
	large := strings.Repeat("x", 3<<20)
	for _, test := range []struct {
		name, kind, body string
		status           int
	}{
		{"only field", urlencoded, "csrf=" + token, 200},
		{"first field", urlencoded, "csrf=" + token + "&a=1", 200},
		{"last field", urlencoded, "a=1&b=" + strings.Repeat("y", 10_000) + "&csrf=" + token, 200},
		{"first of a long form", urlencoded, "csrf=" + token + "&a=" + large, 200},
		{"beyond what is searched", urlencoded, "a=" + large + "&csrf=" + token, 403},
		{"name escaped", urlencoded, "%63srf=" + token, 200},
		{"name in a value", urlencoded, "a=csrf=" + token, 403},
		{"other case", urlencoded, "CSRF=" + token, 403},
		{"two, the first is wrong", urlencoded, "csrf=x&csrf=" + token, 403},
		{"bad escape", urlencoded, "csrf=%zz", 403},
		{"empty body", urlencoded, "", 403},
		{"with charset", urlencoded + "; charset=UTF-8", "csrf=" + token, 200},
		{"media type in capitals", "Application/X-WWW-Form-Urlencoded", "csrf=" + token, 200},
		{"multipart", multi, part("csrf", token) + part("file", large) + "--xyz--\r\n", 200},
		{"multipart, not first", multi, part("a", "1") + part("csrf", token) + "--xyz--\r\n", 403},
		{"multipart, quoted boundary", `multipart/form-data; boundary="xyz"`, part("csrf", token) + "--xyz--\r\n", 200},
		{"multipart, no boundary", "multipart/form-data", part("csrf", token) + "--xyz--\r\n", 403},
		{"multipart, cut", multi, part("csrf", token)[:60], 403},
		{"multipart, long token", multi, part("csrf", large) + "--xyz--\r\n", 403},
		{"multipart, long headers", multi, "--xyz\r\nX: " + large + "\r\n\r\n--xyz--\r\n", 403},
		{"multipart, as a file", multi, strings.Replace(part("csrf", token), `"csrf"`, `"csrf"; filename="x"`, 1) + "--xyz--\r\n", 403},
		{"JSON", "application/json", `{"csrf":"` + token + `"}`, 403},
		{"text", "text/plain", "csrf=" + token, 403},
		{"no type", "", "csrf=" + token, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			got = ""
			r := b.request("POST", "/", struct{ io.Reader }{strings.NewReader(test.body)})
			if test.kind != "" {
				r.Header.Set("Content-Type", test.kind)
			}
			require.Equal(t, test.status, b.do(r).Code)
			if test.status == 200 && got != test.body {
				t.Errorf("the handler read %d bytes, not the %d sent", len(got), len(test.body))
			}
		})
	}
}

// An upload is not read in advance: the handler runs while the client still holds most of it back.
func TestUploadsStreamPastTheToken(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	token := b.csrf(m, "")
	in, out := io.Pipe()
	form := multipart.NewWriter(out)
	begun := make(chan bool)
	go func() {
		_ = form.WriteField("csrf", token)
		file, _ := form.CreateFormFile("file", "x.bin")
		for range 16 {
			_, _ = file.Write(make([]byte, 1024))
		}
		<-begun // only the handler lets the rest come
		_, _ = file.Write([]byte("end"))
		_ = form.Close()
		_ = out.Close()
	}()
	b.handler = m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(begun)
		parts, err := r.MultipartReader()
		require.NoError(t, err)
		first, err := parts.NextPart()
		require.NoError(t, err)
		require.Equal(t, "csrf", first.FormName())
		second, err := parts.NextPart()
		require.NoError(t, err)
		body, err := io.ReadAll(second)
		require.NoError(t, err)
		require.Len(t, body, 16*1024+3)
	}))
	r := b.request("POST", "/", in)
	r.Header.Set("Content-Type", form.FormDataContentType())
	require.Equal(t, 200, b.do(r).Code)
}

func TestOneTimeTokens(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	b.signIn(t, m, "anna")
	once := func() (token string) {
		b.in(m, func(_ http.ResponseWriter, r *http.Request) {
			var err error
			token, err = session.From(r.Context()).OneTime("send")
			require.NoError(t, err)
		})
		return token
	}
	var ran atomic.Int32
	mux := http.NewServeMux()
	count := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { ran.Add(1) })
	mux.Handle("/once", session.Once("send", nil, count))
	mux.Handle("/action", session.Action("send", nil, count))
	mux.Handle("/any", count)
	b.handler = m.Handler(mux)

	for _, path := range []string{"/once", "/action", "/any"} {
		token := once()
		require.Equal(t, 200, b.post(path, form("csrf", token)).Code)
		for _, again := range []string{"/once", "/action", "/any"} {
			require.Equal(t, 403, b.post(again, form("csrf", token)).Code, "%s after %s", again, path)
		}
	}
	t.Run("of fifty at once, one", func(t *testing.T) {
		token := once()
		ran.Store(0)
		var passed atomic.Int32
		start, done := make(chan bool), sync.WaitGroup{}
		for range 50 {
			c := *b
			done.Go(func() {
				<-start
				if c.post("/once", form("csrf", token)).Code == 200 {
					passed.Add(1)
				}
			})
		}
		close(start)
		done.Wait()
		require.EqualValues(t, 1, ran.Load())
		require.EqualValues(t, 1, passed.Load())
	})
	t.Run("the newest 32 stay", func(t *testing.T) {
		tokens := make([]string, 33)
		for i := range tokens {
			tokens[i] = once()
		}
		require.Equal(t, 403, b.post("/once", form("csrf", tokens[0])).Code)
		for _, token := range tokens[1:] {
			require.Equal(t, 200, b.post("/once", form("csrf", token)).Code)
		}
	})
	t.Run("a store that fails consumes nothing and runs nothing", func(t *testing.T) {
		spy := newSpy()
		m := newManager(t, session.Config{Store: spy})
		b := newBrowser(nil)
		b.signIn(t, m, "anna")
		var token string
		b.in(m, func(_ http.ResponseWriter, r *http.Request) { token, _ = session.From(r.Context()).OneTime("send") })
		b.handler = m.Handler(mux)
		ran.Store(0)
		spy.breakDown(errStore, "Patch")
		require.Equal(t, 503, b.post("/once", form("csrf", token)).Code)
		require.Zero(t, ran.Load())
		spy.breakDown(nil)
		require.Equal(t, 200, b.post("/once", form("csrf", token)).Code)
	})
	t.Run("two windows write while one sends", func(t *testing.T) {
		// Tokens that another request gives out meanwhile survive the consumption of this one.
		first := once()
		second := once()
		require.Equal(t, 200, b.post("/once", form("csrf", first)).Code)
		require.Equal(t, 200, b.post("/once", form("csrf", second)).Code)
	})
}

func TestTokensAfterTheAnswerBegan(t *testing.T) {
	m := newManager(t, session.Config{})
	b := newBrowser(nil)
	b.in(m, func(w http.ResponseWriter, r *http.Request) {
		s := session.From(r.Context())
		_, _ = io.WriteString(w, "<form>")
		require.Empty(t, s.CSRF(""), "no session can be made any more")
		_, err := s.OneTime("x")
		require.ErrorIs(t, err, session.ErrCommitted)
	})
	require.Empty(t, b.cookie)
	b.signIn(t, m, "anna")
	var token string
	b.in(m, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "<form>")
		token = session.From(r.Context()).CSRF("")
	})
	b.handler = m.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	require.Equal(t, 200, b.post("/", form("csrf", token)).Code)
}

// FuzzFormBody: the search for the token never panics, gives the handler the body unchanged, and finds what net/url
// finds first.
func FuzzFormBody(f *testing.F) {
	m := newManager(f, session.Config{})
	b := newBrowser(nil)
	b.signIn(f, m, "anna")
	token := b.csrf(m, "")
	for _, seed := range []string{"", "csrf=T", "a=1&csrf=T", "csrf=T&csrf=x", "%63srf=T", "csrf=%54", "&&=&", "csrf", "--x\r\n", "a=1;csrf=T"} {
		f.Add([]byte(seed), false)
	}
	f.Add([]byte("--x\r\nContent-Disposition: form-data; name=csrf\r\n\r\nT\r\n--x--\r\n"), true)
	f.Add([]byte("--x\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, body []byte, multi bool) {
		body = bytes.ReplaceAll(body, []byte("T"), []byte(token))
		ran := false
		c := *b
		c.handler = m.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			ran = true
			got, err := io.ReadAll(r.Body)
			require.NoError(t, err)
			require.Equal(t, body, got)
		}))
		r := c.request("POST", "/", struct{ io.Reader }{bytes.NewReader(body)})
		r.Header.Set("Content-Type", map[bool]string{true: "multipart/form-data; boundary=x", false: "application/x-www-form-urlencoded"}[multi])
		c.do(r)
		if multi || len(body) > 1<<20 {
			return
		}
		want := false
		for _, pair := range strings.Split(string(body), "&") {
			name, value, _ := strings.Cut(pair, "=")
			if name, err := url.QueryUnescape(name); err == nil && name == "csrf" {
				text, err := url.QueryUnescape(value)
				if want = err == nil && text == token; err == nil || len(value) > 480 {
					break
				}
			}
		}
		require.Equal(t, want, ran, fmt.Sprintf("%q", body))
	})
}
