package authz_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/authz"
)

func TestPoliciesThatDoNotStart(t *testing.T) {
	type (
		roles = map[authz.Role]authz.RoleDef
		pages = map[authz.Page]authz.Rule
		funcs = map[authz.Func]authz.Rule
	)
	with := func(change func(p *authz.Policy)) authz.Policy {
		p := authz.Policy{Roles: roles{"reader": {}, "editor": {}}}
		change(&p)
		return p
	}
	function := func(r authz.Rule) authz.Policy {
		return with(func(p *authz.Policy) { p.Funcs = funcs{"act": r} })
	}
	page := func(r authz.Rule) authz.Policy {
		return with(func(p *authz.Policy) { p.Pages = pages{"see": r} })
	}
	fragment := func(r authz.Rule) authz.Policy {
		return with(func(p *authz.Policy) { p.Fragments = map[authz.Fragment]authz.Rule{"part": r} })
	}
	table := func(op authz.Op, r authz.Rule) authz.Policy {
		return with(func(p *authz.Policy) { p.Tables = map[authz.Table]map[authz.Op]authz.Rule{"mails": {op: r}} })
	}
	many := roles{}
	for i := range 1025 {
		many[authz.Role(fmt.Sprintf("r-%d-x", i))] = authz.RoleDef{}
	}
	for name, c := range map[string]struct {
		policy authz.Policy
		says   string
	}{
		"zero rule":                  {function(authz.Rule{}), `func "act": has no effect`},
		"empty allow":                {function(authz.Allow()), "allows no role"},
		"unknown role":               {function(authz.Allow("writer")), `"writer", which is not among Roles`},
		"role in other case":         {function(authz.Allow("Reader")), "not among Roles"},
		"role with blank":            {function(authz.Allow("reader ")), "not among Roles"},
		"role twice":                 {function(authz.Allow("reader", "reader")), "twice"},
		"unknown deny":               {function(authz.Allow("reader").Deny("ghost")), `"ghost"`},
		"public function":            {function(authz.Public()), "PublicWithKey"},
		"function inherits":          {function(authz.Inherit()), "only a fragment"},
		"no reason":                  {function(authz.PublicBecause("")), "needs the reason"},
		"reason of two lines":        {function(authz.PublicBecause("a\nb c")), "one line"},
		"deny on an open rule":       {function(authz.PublicBecause("sign-in").Deny("reader")), "for show"},
		"tied and open":              {function(authz.PublicBecause("sign-in").Tied()), "Tied belongs to Allow"},
		"key without keyring":        {function(authz.PublicWithKey()), "Config.Keys"},
		"or key without keyring":     {function(authz.Allow("reader").OrKey()), "Config.Keys"},
		"once without key":           {function(authz.Allow("reader").Once()), "belongs to a rule with a key"},
		"or key on open":             {function(authz.PublicBecause("sign-in").OrKey()), "OrKey belongs to Allow"},
		"menu of a function":         {function(authz.Allow("reader").Menu("Act", 1)), "menu"},
		"bad path value":             {function(authz.Allow("reader").In("{box}")), "path value"},
		"unknown condition":          {function(authz.Allow("reader").Require(authz.Condition{})), "unknown condition"},
		"condition twice":            {function(authz.Allow("reader").Require(authz.SecondFactor(), authz.SecondFactor())), "twice"},
		"no age":                     {function(authz.Allow("reader").Require(authz.Fresh(0))), "above zero"},
		"no network":                 {function(authz.Allow("reader").Require(authz.Network())), "at least one"},
		"bad network":                {function(authz.Allow("reader").Require(authz.Network("10.0.0.0"))), "10.0.0.0/8"},
		"host bits":                  {function(authz.Allow("reader").Require(authz.Network("10.0.0.1/8"))), "write 10.0.0.0/8"},
		"country in small letters":   {function(authz.Allow("reader").Require(authz.Country("se"))), "capital"},
		"condition not configured":   {function(authz.Allow("reader").DenyWhen(authz.Named("vpn"))), `"vpn" is not in Config.Conditions`},
		"page with a reason":         {page(authz.PublicBecause("about us")), "use Public"},
		"public fragment with deny":  {fragment(authz.Public().Deny("reader")), "for show"},
		"fragment with a key":        {fragment(authz.PublicWithKey()), "cannot be opened by a key"},
		"inherit and more":           {fragment(authz.Inherit().Require(authz.SecondFactor())), "nothing more"},
		"unrouted fragment":          {fragment(authz.Inherit().Unrouted()), "nothing more"},
		"unknown operation":          {table("truncate", authz.Allow("reader")), "unknown operation"},
		"open delete":                {table(authz.Delete, authz.Public()), "open to everybody"},
		"table with a key":           {table(authz.Delete, authz.PublicWithKey()), "cannot be opened by a key"},
		"tied table":                 {table(authz.Delete, authz.Allow("reader").Tied()), "ties are to pages"},
		"tied fragment":              {fragment(authz.Allow("reader").Tied()), "ties are to pages"},
		"table without operations":   {with(func(p *authz.Policy) { p.Tables = map[authz.Table]map[authz.Op]authz.Rule{"mails": {}} }), "no operation"},
		"role includes itself":       {authz.Policy{Roles: roles{"a": {Includes: []authz.Role{"a"}}}}, "a > a"},
		"cycle":                      {authz.Policy{Roles: roles{"a": {Includes: []authz.Role{"b"}}, "b": {Includes: []authz.Role{"c"}}, "c": {Includes: []authz.Role{"a"}}}}, "a > b > c > a"},
		"includes an unknown role":   {authz.Policy{Roles: roles{"a": {Includes: []authz.Role{"b"}}}}, `"b"`},
		"granted by an unknown role": {authz.Policy{Roles: roles{"a": {GrantedBy: "b"}}}, `"b"`},
		"too many roles":             {authz.Policy{Roles: many}, "at most 1024"},
		"empty role name":            {authz.Policy{Roles: roles{"": {}}}, "ASCII"},
		"Cyrillic role name":         {authz.Policy{Roles: roles{"аdmin": {}}}, "ASCII"},
		"zero-width in a role name":  {authz.Policy{Roles: roles{"ad\u200bmin": {}}}, "ASCII"},
		"role name ends in a blank":  {authz.Policy{Roles: roles{"admin ": {}}}, "ASCII"},
		"role names by case":         {authz.Policy{Roles: roles{"admin": {}, "Admin": {}}}, "taken for each other"},
		"role names by I and l":      {authz.Policy{Roles: roles{"Ist": {}, "lst": {}}}, "taken for each other"},
		"role names by 0 and O":      {authz.Policy{Roles: roles{"x0": {}, "xO": {}}}, "taken for each other"},
		"role names by 1 and l":      {authz.Policy{Roles: roles{"x1": {}, "xl": {}}}, "taken for each other"},
		"role names by _ and -":      {authz.Policy{Roles: roles{"x_y": {}, "x-y": {}}}, "taken for each other"},
		"page and function alike": {with(func(p *authz.Policy) {
			p.Pages = pages{"act": authz.Public()}
			p.Funcs = funcs{"act": authz.Allow("reader")}
		}), "taken for each other"},
		"page and function by case": {with(func(p *authz.Policy) {
			p.Pages = pages{"Act": authz.Public()}
			p.Funcs = funcs{"act": authz.Allow("reader")}
		}), "taken for each other"},
		"Cyrillic page name":     {with(func(p *authz.Policy) { p.Pages = pages{"mаil": authz.Public()} }), "ASCII"},
		"Cyrillic function name": {with(func(p *authz.Policy) { p.Funcs = funcs{"асt": authz.Allow("reader")} }), "ASCII"},
		"zero-width in a fragment name": {with(func(p *authz.Policy) {
			p.Fragments = map[authz.Fragment]authz.Rule{"pa\u200brt": authz.Inherit()}
		}), "ASCII"},
		"Cyrillic table name": {with(func(p *authz.Policy) {
			p.Tables = map[authz.Table]map[authz.Op]authz.Rule{"mаils": {authz.Select: authz.Allow("reader")}}
		}), "ASCII"},
		"tables by case": {with(func(p *authz.Policy) {
			ops := map[authz.Op]authz.Rule{authz.Select: authz.Allow("reader")}
			p.Tables = map[authz.Table]map[authz.Op]authz.Rule{"mails": ops, "Mails": ops}
		}), "taken for each other"},
		"name longer than 128 bytes":  {with(func(p *authz.Policy) { p.Pages = pages{authz.Page(strings.Repeat("a", 129)): authz.Public()} }), "at most 128"},
		"menu label with a new line":  {page(authz.Public().Menu("a\nb", 1)), "one line"},
		"right-to-left mark in label": {page(authz.Public().Menu("a\u202eb", 1)), "one line"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := authz.New(c.policy, authz.Config{Subject: nobody})
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "authz: ")
			require.Nil(t, g)
		})
	}
}

// TestRulesThatOnlyJSONCanSay: a rule that lists roles and is open all the same would be read as closed.
func TestRulesThatOnlyJSONCanSay(t *testing.T) {
	for text, says := range map[string]string{
		`{"effect":"public","roles":["reader"]}`:                            "lists roles and does not ask for them",
		`{"effect":"public-because","reason":"sign-in","roles":["reader"]}`: "lists roles and does not ask for them",
		`{"effect":"public-with-key","roles":["reader"]}`:                   "lists roles and does not ask for them",
		`{"effect":"allow","roles":["reader"],"reason":"because"}`:          "only public-because",
	} {
		p, err := authz.ParsePolicy([]byte(`{"roles":{"reader":{}},"pages":{"see":` + text + `}}`))
		require.NoError(t, err)
		_, err = authz.New(p, authz.Config{Subject: nobody})
		require.ErrorContains(t, err, says)
	}
}

func TestConfigsThatDoNotStart(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  authz.Config
		says string
	}{
		"no subject":         {authz.Config{}, "Config.Subject is missing"},
		"negative timeout":   {authz.Config{Subject: nobody, Timeout: -1}, "Timeout"},
		"foreign login":      {authz.Config{Subject: nobody, LoginURL: "https://evil.example/login"}, "LoginURL"},
		"login on any host":  {authz.Config{Subject: nobody, LoginURL: "//evil.example"}, "LoginURL"},
		"login with a query": {authz.Config{Subject: nobody, LoginURL: "/login?x=1"}, "LoginURL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := authz.New(authz.Policy{}, c.cfg)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// TestOldMux runs itself with the setting under which methods and wildcards in patterns mean nothing.
func TestOldMux(t *testing.T) {
	if os.Getenv("AUTHZ_TEST_OLD_MUX") != "" {
		_, err := authz.New(authz.Policy{}, authz.Config{Subject: nobody})
		require.ErrorContains(t, err, "httpmuxgo121")
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestOldMux$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=httpmuxgo121=1", "AUTHZ_TEST_OLD_MUX=1")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestOldMux")
}

// richPolicy uses every field.
func richPolicy() authz.Policy {
	p := mailPolicy()
	p.Roles["chief"] = authz.RoleDef{Includes: []authz.Role{editor}, GrantedBy: admin, Require: []authz.Condition{
		authz.FreshSecondFactor(time.Minute), authz.Network("10.0.0.0/8"), authz.Country("NO", "SE"), authz.Named("office-hours"),
	}}
	p.Pages["order/form"] = authz.PublicWithKey().Once().In("shop").Of("id").Hidden()
	p.Pages["error"] = authz.Public().Unrouted()
	p.Funcs["close"] = authz.Allow(editor, reader).OrKey().Tied().Deny(suspended).DenyWhen(authz.Named("frozen")).Require(authz.Fresh(time.Hour))
	return p
}

func TestPolicyAsJSON(t *testing.T) {
	want := richPolicy()
	data, err := json.Marshal(want)
	require.NoError(t, err)
	got, err := authz.ParsePolicy(data)
	require.NoError(t, err)
	require.Equal(t, want, got)
	again, err := json.MarshalIndent(got, "", "\t")
	require.NoError(t, err)
	got, err = authz.ParsePolicy(again)
	require.NoError(t, err)
	require.Equal(t, want, got)

	byHand, err := authz.ParsePolicy([]byte(`{"roles": {"editor": {"includes": ["reader"]}, "reader": {}},
		"funcs": {"act": {"roles": ["editor"], "effect": "allow", "require": ["fresh 10m0s"], "menu": {"order": -1, "label": "Åbo"}}}}`))
	require.NoError(t, err)
	require.Equal(t, authz.Policy{
		Roles: map[authz.Role]authz.RoleDef{"editor": {Includes: []authz.Role{"reader"}}, "reader": {}},
		Funcs: map[authz.Func]authz.Rule{"act": authz.Allow("editor").Require(authz.Fresh(10*time.Minute)).Menu("Åbo", -1)},
	}, byHand)
}

func TestJSONThatIsNoPolicy(t *testing.T) {
	rule := func(s string) string { return `{"funcs":{"act":` + s + `}}` }
	for name, text := range map[string]string{
		"nothing":                   ``,
		"null":                      `null`,
		"list":                      `[]`,
		"unknown field":             `{"polices":{}}`,
		"field in other case":       `{"Roles":{"a":{}}}`,
		"field twice":               `{"roles":{"a":{}},"roles":{"b":{}}}`,
		"role twice":                `{"roles":{"a":{},"a":{"grantedBy":"a"}}}`,
		"role twice, once escaped":  `{"roles":{"a":{},"\u0061":{}}}`,
		"role null":                 `{"roles":{"a":null}}`,
		"empty object":              `{"roles":{}}`,
		"something after the end":   `{} {}`,
		"garbage after the end":     `{}x`,
		"comment":                   `{} // all`,
		"cut":                       `{"roles":{"a":{}}`,
		"not UTF-8":                 "{\"roles\":{\"a\xff\":{}}}",
		"byte order mark":           "\ufeff{}",
		"misspelt effect":           rule(`{"effect":"alow","roles":["a"]}`),
		"effect in other case":      rule(`{"effect":"Allow","roles":["a"]}`),
		"effect twice":              rule(`{"effect":"allow","effect":"public","roles":["a"]}`),
		"empty effect":              rule(`{"effect":""}`),
		"no effect":                 rule(`{"roles":["a"]}`),
		"effect as a number":        rule(`{"effect":5}`),
		"rule as a text":            rule(`"allow"`),
		"roles as a text":           rule(`{"effect":"allow","roles":"a"}`),
		"empty list":                rule(`{"effect":"allow","roles":[]}`),
		"null among the roles":      rule(`{"effect":"allow","roles":[null]}`),
		"unknown field in a rule":   rule(`{"effect":"allow","roles":["a"],"denny":["b"]}`),
		"switch turned off":         rule(`{"effect":"allow","roles":["a"],"tied":false}`),
		"switch as a text":          rule(`{"effect":"allow","roles":["a"],"tied":"true"}`),
		"unknown condition":         rule(`{"effect":"allow","roles":["a"],"require":["sunny"]}`),
		"condition not canonical":   rule(`{"effect":"allow","roles":["a"],"require":["fresh 600s"]}`),
		"condition as an object":    rule(`{"effect":"allow","roles":["a"],"require":[{"fresh":"10m"}]}`),
		"menu without order":        rule(`{"effect":"allow","roles":["a"],"menu":{"label":"A"}}`),
		"menu order is no whole":    rule(`{"effect":"allow","roles":["a"],"menu":{"label":"A","order":1.5}}`),
		"menu order beyond an int":  rule(`{"effect":"allow","roles":["a"],"menu":{"label":"A","order":1e30}}`),
		"menu with a further field": rule(`{"effect":"allow","roles":["a"],"menu":{"label":"A","order":1,"x":1}}`),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := authz.ParsePolicy([]byte(text))
			require.ErrorContains(t, err, "authz: policy")
			require.Zero(t, p)
			require.NotContains(t, err.Error(), "sunny", "errors do not repeat what was read")
		})
	}
}

// FuzzParsePolicy: what is read is written back to the same policy, and never allows more for being read twice.
func FuzzParsePolicy(f *testing.F) {
	rich, err := json.Marshal(richPolicy())
	require.NoError(f, err)
	for _, seed := range []string{
		string(rich), `{}`, `{"roles":{"a":{}},"funcs":{"act":{"effect":"allow","roles":["a"]}}}`, `{"roles":{"a":{},"a":{}}}`,
		`{"pages":{"see":{"effect":"public","menu":{"label":"\u2028","order":-0}}}}`, `{"tables":{"mails":{"select":{"effect":"public"}}}}`,
		`{"funcs":{"act":{"effect":"allow","require":["network ::/0 10.0.0.0/8"]}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := authz.ParsePolicy(data)
		if err != nil {
			require.Zero(t, p)
			return
		}
		text, err := json.Marshal(p)
		require.NoError(t, err)
		again, err := authz.ParsePolicy(text)
		require.NoError(t, err, "%s", text)
		require.Equal(t, p, again)
		if g, err := authz.New(p, authz.Config{Subject: nobody}); err == nil {
			require.NotEmpty(t, g.Describe())
			_, _ = g.Matrix(), g.May(authz.Subject{ID: "a", Backend: true})
			_, _ = p.PostgresSQL(authz.PostgresOptions{})
		}
	})
}
