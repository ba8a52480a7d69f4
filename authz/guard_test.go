package authz_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

func TestRoutesUnderTheirRules(t *testing.T) {
	anonymous := authz.Subject{}
	for name, c := range map[string]struct {
		who    authz.Subject
		method string
		target string
		status int
		where  string
	}{
		"public page":                           {anonymous, "GET", "/", 200, ""},
		"login redirect":                        {anonymous, "GET", "/m/bygglov?tab=2", 303, "/login?next=%2Fm%2Fbygglov%3Ftab%3D2"},
		"anonymous change":                      {anonymous, "POST", "/m/bygglov/7/delete", 403, ""},
		"hidden page hides from anonymous":      {anonymous, "GET", "/secrets", 404, ""},
		"change open with a reason":             {anonymous, "POST", "/login", 200, ""},
		"reader reads":                          {person("anna", "bygglov", reader), "GET", "/m/bygglov", 200, ""},
		"HEAD decides like GET":                 {person("anna", "bygglov", reader), "HEAD", "/m/bygglov", 200, ""},
		"HEAD refused like GET":                 {person("anna", "other", reader), "HEAD", "/m/bygglov", 404, ""},
		"reader does not delete":                {person("anna", "bygglov", reader), "POST", "/m/bygglov/7/delete", 403, ""},
		"editor deletes":                        {person("anna", "bygglov", editor), "POST", "/m/bygglov/7/delete", 200, ""},
		"deny beats allow":                      {person("anna", "bygglov", editor, suspended), "POST", "/m/bygglov/7/delete", 403, ""},
		"another tenant is missing":             {person("anna", "other", editor), "POST", "/m/bygglov/7/delete", 404, ""},
		"role everywhere":                       {person("anna", "", editor), "POST", "/m/bygglov/7/delete", 200, ""},
		"role in a tenant opens nothing global": {person("anna", "bygglov", admin), "GET", "/secrets", 404, ""},
		"wrong method":                          {person("anna", "", editor), "PUT", "/m/bygglov/7/delete", 404, ""},
		"unknown":                               {person("anna", "", editor), "GET", "/nothing", 404, ""},
		"change without key":                    {anonymous, "POST", "/order/7", 403, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := mailHost(t)
			h.subject = c.who
			w := h.do(c.method, c.target)
			require.Equal(t, c.status, w.Code, "%v", h.all())
			require.Equal(t, c.where, w.Header().Get("Location"))
			require.Empty(t, w.Header().Get("Allow"))
			if c.status == 200 {
				require.Len(t, h.ran, 1)
				require.Empty(t, h.all())
			} else {
				require.Empty(t, h.ran)
				require.Len(t, h.all(), 1)
			}
		})
	}
}

func TestSubjectFails(t *testing.T) {
	h := mailHost(t)
	h.err = errors.New("database is down")
	require.Equal(t, 503, h.do("GET", "/m/bygglov").Code)
	require.Equal(t, 503, h.do("POST", "/m/bygglov/7/delete").Code)
	w := h.do("GET", "/")
	require.Equal(t, 200, w.Code, "an open page asks nobody")
	require.Equal(t, `<nav><a href="/">Home</a></nav><h1>Home</h1>`, w.Body.String())
	require.Equal(t, []string{
		"authz.denied rule=mail/inbox reason=unavailable tenant=bygglov method=GET",
		"authz.denied rule=mail.delete reason=unavailable tenant=bygglov object=7 method=POST",
	}, h.all())
}

func TestFragmentsAndMenuFollowTheSubject(t *testing.T) {
	h := mailHost(t)
	h.subject = person("anna", "bygglov", reader)
	require.Equal(t, `<nav><a href="/">Home</a><a href="/m/bygglov">Mail</a></nav><h1>&lt;data&gt;</h1><i>end</i>`, h.do("GET", "/m/bygglov").Body.String())
	h.subject = person("bo", "bygglov", editor)
	require.Equal(t, `<nav><a href="/">Home</a><a href="/m/bygglov">Mail</a></nav><h1>&lt;data&gt;</h1><b>tools</b><button>Delete</button><i>end</i>`, h.do("GET", "/m/bygglov").Body.String())
	require.Equal(t, `<nav><a href="/">Home</a></nav><h1>Home</h1>`, h.do("GET", "/").Body.String(), "no tenant, no mailbox")
}

// TestTiesAreToPagesAndFunctions: a tie to the name of a fragment or a table opens nothing.
func TestTiesAreToPagesAndFunctions(t *testing.T) {
	h := mailHost(t)
	h.subject = person("anna", "bygglov", reader)
	at := authz.Object{Tenant: "bygglov"}
	h.subject.Ties = []authz.Tie{{Name: "mails delete", Object: at}, {Name: "mail/tools", Object: at}}
	require.NotContains(t, h.do("GET", "/m/bygglov").Body.String(), "tools")
	require.Error(t, h.CheckTable(httptest.NewRequest("GET", "/", nil), mails, authz.Delete, at))
	require.NoError(t, h.CheckTable(httptest.NewRequest("GET", "/", nil), mails, authz.Select, at))
	require.Error(t, h.CheckTable(httptest.NewRequest("GET", "/", nil), mails, authz.Select, authz.Object{Tenant: "other"}))
	require.Error(t, h.CheckTable(httptest.NewRequest("GET", "/", nil), mails, authz.Select, authz.Object{}))
	require.Error(t, h.CheckTable(httptest.NewRequest("GET", "/", nil), "ghost", authz.Select, at))
}

func TestNothingRunsBeforeHandler(t *testing.T) {
	h := newHost(t, mailPolicy(), nil)
	protected := h.Protect(home, h.done("home"))
	h.handler = protected
	require.Equal(t, http.StatusServiceUnavailable, h.do("GET", "/").Code)
	require.Empty(t, h.ran)
}

func withProof(s authz.Subject) authz.Subject {
	s.Proofs = map[string]time.Time{"otp": time.Now()}
	return s
}
