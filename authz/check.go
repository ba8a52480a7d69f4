package authz

import (
	"context"
	"errors"
	"net/http"
)

// Check decides within a handler or a repository: about an object that was only known there, or a further function. It
// returns nil, or a [*Refusal], which has been reported. Subject and policy are those that the request began with.
func (g *Guard) Check(r *http.Request, name Name, object Object) error {
	st := g.pinned(r)
	k, text := spell(name)
	rule := st.snap.find(k, text)
	keyed := rule != nil && rule.keyed() && st.key(rule, object) != ""
	return st.check(rule, text, object, keyed)
}

// CheckContext is Check for code that has only the context of a request that came through a route of this guard. Any
// other context is refused.
func (g *Guard) CheckContext(ctx context.Context, name Name, object Object) error {
	st, ok := ctx.Value(requestKey{g}).(*request)
	if !ok {
		_, text := spell(name)
		return &Refusal{
			Status: http.StatusServiceUnavailable, Name: clip(text), Object: object, Decision: Decision{Reason: Unavailable},
			Cause: errors.New("authz: the context does not come from a guarded request"),
		}
	}
	return g.Check(st.http, name, object)
}

// CheckTable is Check for an operation on a table. Where the rule has In, object.Tenant is the tenant whose rows are
// used. It keeps the application honest; what keeps an injected query out is the database ([Policy.PostgresSQL]).
func (g *Guard) CheckTable(r *http.Request, table Table, op Op, object Object) error {
	st := g.pinned(r)
	return st.check(st.snap.tables[table][op], tableName(table, op), object, false)
}

func (st *request) check(rule *rule, name string, object Object, keyed bool) error {
	d := st.decide(rule, object, keyed)
	if d.Allowed {
		return nil
	}
	e := st.refusal(rule, name, object, d)
	st.guard.report(st.http, e)
	return e
}
