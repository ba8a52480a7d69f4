package main

import (
	"net/http"
	"strings"
)

// adminSystem shows what every part says of itself.
func (a *app) adminSystem(w http.ResponseWriter, r *http.Request, _ none) {
	type text struct{ Name, Text string }
	view := &struct {
		page
		Texts []text
	}{Texts: []text{
		{"Who may do what", a.sec.guard.Matrix()},
		{"Sessions", a.sec.sessions.Describe()},
		{"Transport", a.sec.transport.Describe()},
		{"Response headers", a.sec.headers.Describe()},
		{"Signing in", a.sec.flow.Describe()},
		{"Passwords", a.sec.policy.Describe()},
		{"Audit log", a.log.Describe()},
		{"What comes in", strings.Join(a.schemas, "\n")},
	}}
	a.render(w, r, pageAdminSystem, "System", view)
}
