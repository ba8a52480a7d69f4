package main

import (
	"flag"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/audit"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares a text with a file of testdata: a promise that changes is a line of a diff.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), text, "the promise changed; if that is meant: go test ./examples/mail -run Golden -update")
}

func TestGoldenPromises(t *testing.T) {
	r := start(t, t.TempDir(), false)
	port := r.base[strings.LastIndexByte(r.base, ':'):]
	for name, text := range map[string]string{
		"matrix.txt": r.sec.guard.Matrix(), "authz.txt": r.sec.guard.Describe(), "session.txt": r.sec.sessions.Describe(),
		"transport.txt": r.sec.transport.Describe(), "headers.txt": r.sec.headers.Describe(), "signin.txt": r.sec.flow.Describe(),
		"password.txt": r.sec.policy.Describe(), "audit.txt": r.log.Describe(), "schemas.txt": strings.Join(r.schemas, "\n"),
	} {
		t.Run(name, func(t *testing.T) { golden(t, name, strings.ReplaceAll(text, port, ":PORT")) })
	}
}

// A line of the matrix: a route and who may use it.
type allowed map[string]map[string]bool // pattern -> who

func readMatrix(t *testing.T) allowed {
	t.Helper()
	data, err := os.ReadFile("testdata/matrix.txt")
	require.NoError(t, err)
	all := allowed{}
	for line := range strings.Lines(string(data)) {
		cells := strings.Split(line, "|")
		pattern, who := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])
		if !strings.Contains(pattern, " /") {
			continue
		}
		if all[pattern] == nil {
			all[pattern] = map[string]bool{}
		}
		who, _, _ = strings.Cut(strings.TrimPrefix(who, "role "), ":")
		all[pattern][who] = true
	}
	require.Greater(t, len(all), 20)
	return all
}

// Every route x role x method, in the own and in another mailbox, answers as the matrix says. Who is refused gets the login
// page, 403 or 404, and who is not gets the page, or what the handler makes of an empty form.
func TestEveryRouteRoleAndMethodAgainstTheMatrix(t *testing.T) {
	r := start(t, t.TempDir(), true)
	matrix := readMatrix(t)
	colleague, err := r.store.PersonByName(t.Context(), "visitor.kundservice@kommun.example")
	require.NoError(t, err)
	inside := map[string]*strings.Replacer{} // path values of something that exists
	for _, box := range []string{"bygglov", "skola"} {
		c, err := r.store.Conversations(t.Context(), box, "", 0, 30)
		require.NoError(t, err)
		for _, one := range c {
			m, err := r.store.Messages(t.Context(), box, one.ID, 0, 100)
			require.NoError(t, err)
			if len(m[0].Attachments) > 0 {
				inside[box] = strings.NewReplacer("{box}", box, "c/{id}", "c/"+one.ID, "l/{id}", "l/"+m[0].ID, "{n}", "0", "{file}", "app.css", "{$}", "", "{person}", colleague.ID)
				break
			}
		}
		require.NotNil(t, inside[box])
	}
	// What somebody holds: in the mailbox bygglov, and everywhere.
	people := map[string]struct {
		name  string
		roles []string
	}{
		"anonymous":     {"", nil},
		"visitor":       {"visitor.bygglov@kommun.example", []string{"staff", "visitor"}},
		"editor":        {"editor.bygglov@kommun.example", []string{"staff", "editor"}},
		"administrator": {"administrator.bygglov@kommun.example", []string{"staff", "administrator"}},
		"system":        {firstAdministrator, []string{"staff", "system"}},
	}
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"}
	for who, person := range people {
		t.Run(who, func(t *testing.T) {
			b := r.browser(t)
			token, other := "", strings.Repeat("x", 22)
			if person.name == "" {
				token = csrfField.FindStringSubmatch(b.page("/login"))[1]
			} else {
				b.activate(r.link(t, person.name))
				b.signInAndEnrol(person.name)
				second := r.browser(t) // a device to end
				require.Equal(t, http.StatusSeeOther, second.signIn(person.name, b.codes[0]).status)
				other = deviceToEnd(t, b.page("/account"))
				token = csrfField.FindStringSubmatch(b.page("/account"))[1]
			}
			for _, pattern := range slices.SortedFunc(maps.Keys(matrix), signOutLast) {
				method, path, _ := strings.Cut(pattern, " ")
				for _, box := range []string{"bygglov", "skola"} {
					if box == "skola" && !strings.Contains(path, "{box}") {
						continue
					}
					may := matrix[pattern]["everybody"]
					for _, role := range person.roles {
						local := role != "staff" && role != "system"
						may = may || matrix[pattern][role] && (!strings.Contains(path, "{box}") || local && box == "bygglov")
					}
					target := strings.ReplaceAll(inside[box].Replace(path), "{id}", other)
					if box == "bygglov" && strings.Contains(path, "{id}") && strings.Contains(path, "{box}") {
						b.otherTenantsID(method, inside["skola"].Replace(strings.ReplaceAll(path, "{box}", box)), token, may)
					}
					for _, m := range slices.Backward(methods) { // the one that changes something comes after those that must not
						got := b.try(m, target, token)
						right := m == method || m == "HEAD" && method == "GET"
						if right && may {
							require.Contains(t, []int{200, 303, 422}, got.status, "%s: %s %s", who, m, target)
							require.NotContains(t, got.header.Get("Location"), "/login?", "%s: %s %s", who, m, target)
							continue
						}
						if shared(matrix, path, m, person.roles) { // another route on this path has that method
							continue
						}
						refused := got.status == 403 || got.status == 404 || got.status == 303 && strings.HasPrefix(got.header.Get("Location"), "/login")
						require.True(t, refused, "%s: %s %s: %d", who, m, target, got.status)
						if right && person.name != "" && box == "skola" {
							require.Equal(t, 404, got.status, "%s: %s %s: another mailbox answers like none", who, m, target)
						}
					}
				}
			}
		})
	}
	report, err := audit.Verify(t.Context(), os.DirFS(r.logDir), audit.Trust{Keys: r.log.PublicKeys()})
	require.NoError(t, err)
	require.True(t, report.OK(), report.String())
}

// otherTenantsID asks for what is another mailbox's by its id, under the path of a mailbox: it must not be there, for
// whoever may use the route too.
func (b *browser) otherTenantsID(method, target, token string, may bool) {
	b.t.Helper()
	require.NotContains(b.t, target, "{")
	got := answer{}
	if method == "POST" {
		forms := map[string]url.Values{"reply": {"text": {"an answer"}}, "status": {"status": {"closed"}}, "assign": {}, "erase": {"confirm": {"erase"}}}
		form, ok := forms[target[strings.LastIndexByte(target, '/')+1:]]
		require.True(b.t, ok, "%s: what a whole form has is to be added to the test", target)
		got = b.post(target, token, form)
	} else {
		got = b.try(method, target, token)
	}
	if may {
		require.Equal(b.t, 404, got.status, "%s %s: another mailbox's id", method, target)
		return
	}
	require.Contains(b.t, []int{303, 403, 404}, got.status, "%s %s: another mailbox's id", method, target)
	if got.status == 303 {
		require.Contains(b.t, got.header.Get("Location"), "/login")
	}
}

// shared reports whether a path has a second route, with the method, that is open to everybody or to the role.
func shared(matrix allowed, path, method string, roles []string) bool {
	if method == "HEAD" {
		method = "GET"
	}
	who := matrix[method+" "+path]
	for _, role := range append(roles, "everybody") {
		if who[role] {
			return true
		}
	}
	return false
}

func signOutLast(a, b string) int {
	const last = "POST /logout"
	switch {
	case a == b:
		return 0
	case a == last:
		return 1
	case b == last:
		return -1
	}
	return strings.Compare(a, b)
}

func deviceToEnd(t *testing.T, account string) string {
	t.Helper()
	_, rest, found := strings.Cut(account, `action="/account/devices/`)
	require.True(t, found, account)
	id, _, _ := strings.Cut(rest, "/end")
	return id
}

// try sends a request of any method, with all that a forged one would lack.
func (b *browser) try(method, target, token string) answer {
	b.t.Helper()
	header := map[string]string{"Origin": b.base, "Sec-Fetch-Site": "same-origin", "X-CSRF-Token": token}
	if method == "POST" {
		header["Content-Type"] = "application/x-www-form-urlencoded"
		return b.do(method, target, strings.NewReader(url.Values{}.Encode()), header)
	}
	return b.do(method, target, nil, header)
}
