package main

import (
	"errors"
	"net/http"
	"strings"

	"github.com/skans-go/skans/authz"
	"github.com/skans-go/skans/password/activation"
	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
	"github.com/skans-go/skans/session/signin"
	"github.com/skans-go/skans/session/transport"
	"github.com/skans-go/skans/validate"
)

// routes registers every handler behind its rule and its schema.
func (a *app) routes(g *authz.Guard) {
	handle(a, "GET /static/{file}", pageAssets, a.asset)

	handle(a, "GET /login", pageSignIn, a.signInPage)
	handle(a, "POST /login", doSignIn, a.signIn)
	handle(a, "GET /login/factor", pageFactor, a.factorPage)
	handle(a, "POST /login/factor", doFactor, a.factor)
	handle(a, "POST /login/enrol", doEnrol, a.enrol)
	handle(a, "GET /activate", pageActivate, a.activatePage)
	handle(a, "POST /activate", doActivate, a.activate)
	handle(a, "GET /forgot", pageForgot, a.forgotPage)
	handle(a, "POST /forgot", doForgot, a.forgot)
	handle(a, "GET /reset", pageReset, a.resetPage)
	handle(a, "POST /reset", doReset, a.reset)
	handle(a, "GET /not-me/{person}", pageNotMe, a.notMePage)
	handle(a, "POST /not-me/{person}", doNotMe, a.notMe)
	handle(a, "GET /step-up", pageStepUp, a.stepUpPage)
	handle(a, "POST /step-up", doStepUp, a.stepUp)
	handle(a, "POST /logout", doSignOut, a.signOut)

	handle(a, "GET /{$}", pageHome, a.home)
	handle(a, "GET /account", pageAccount, a.account)
	handle(a, "POST /account/password", doPassword, a.changePassword)
	handle(a, "POST /account/factor", doRenewFactor, a.renewFactor)
	handle(a, "POST /account/factor/confirm", doConfirmFactor, a.confirmFactor)
	handle(a, "POST /account/recovery", doRenewRecovery, a.renewRecovery)
	handle(a, "POST /account/devices/{id}/end", doEndDevice, a.endDevice)

	handle(a, "GET /m/{box}", pageInbox, a.inbox)
	passive(a, "GET /m/{box}/events", pageEvents, a.events)
	handle(a, "GET /m/{box}/c/{id}", pageConversation, a.conversation)
	handle(a, "POST /m/{box}/c/{id}/reply", doReply, a.reply)
	handle(a, "POST /m/{box}/c/{id}/status", doStatus, a.status)
	handle(a, "POST /m/{box}/c/{id}/assign", doAssign, a.assign)
	handle(a, "GET /m/{box}/l/{id}/frame", pageFrame, a.frame)
	handle(a, "GET /m/{box}/l/{id}/raw", pageRaw, a.raw)
	handle(a, "GET /m/{box}/l/{id}/a/{n}", pageAttachment, a.attachment)

	handle(a, "GET /m/{box}/c/{id}/history", pageHistory, a.fieldHistory)
	handle(a, "GET /m/{box}/l/{id}/customer", pageCustomer, a.customer)
	handle(a, "GET /m/{box}/l/{id}/customer/export", pageCustomerCopy, a.customerExport)
	handle(a, "POST /m/{box}/l/{id}/customer/erase", doErase, a.erase)

	handle(a, "GET /m/{box}/audit", pageMailAudit, a.mailAudit)
	handle(a, "GET /m/{box}/audit/export", pageMailExport, a.mailAuditExport)
	handle(a, "GET /admin/audit", pageAdminAudit, a.adminAudit)
	handle(a, "GET /admin/audit/export", pageAdminExport, a.adminAuditExport)
	handle(a, "GET /admin/users", pageUsers, a.users)
	handle(a, "POST /admin/users/{person}/reset", doIssueReset, a.issueReset)
	handle(a, "POST /admin/users/{person}/factor", doResetFactor, a.resetFactor)
	handle(a, "POST /admin/users/{person}/state", doSetState, a.setState)
	handle(a, "GET /admin/system", pageAdminSystem, a.adminSystem)
}

// handle registers one handler: the rule decides, then the schema reads, then the handler gets a typed value.
func handle[T any](a *app, pattern string, name authz.Name, handler func(http.ResponseWriter, *http.Request, T)) {
	a.sec.guard.Handle(pattern, name, read(a, pattern, handler))
}

// passive registers a handler whose requests are no activity: a page that is left open does not keep a session alive.
func passive[T any](a *app, pattern string, name authz.Name, handler func(http.ResponseWriter, *http.Request, T)) {
	a.sec.guard.Handle(pattern, name, session.Passive(read(a, pattern, handler)))
}

func read[T any](a *app, pattern string, handler func(http.ResponseWriter, *http.Request, T)) http.Handler {
	method, _, _ := strings.Cut(pattern, " ")
	schema := validate.Must[T](validate.Options{Methods: []string{method}, UploadDir: a.uploads, Refuse: a.refused, Audit: a.log.Record})
	a.schemas = append(a.schemas, schema.Describe())
	return schema.Handle(handler)
}

// refused answers whatever a layer refuses: one page that tells nothing but the reference id, which the log has too.
func (a *app) refused(w http.ResponseWriter, r *http.Request, err error) {
	if invalid := (*validate.Error)(nil); errors.As(err, &invalid) {
		invalid.ServeHTTP(w, r) // names the fields, never what they held
		return
	}
	if needsStepUp(err) {
		toStepUp(w, r)
		return
	}
	status, ref := refusalOf(err)
	w.Header().Set("Cache-Control", "no-store")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "5")
	}
	view := &struct {
		page
		Text, Ref string
	}{page{Title: http.StatusText(status)}, refusalText(status), ref}
	if err := a.sec.guard.RenderStatus(w, r, status, pageRefused, view); err != nil {
		a.errors.Print(err)
	}
}

// refusalOf finds what a refusal of any layer tells the visitor.
func refusalOf(err error) (status int, ref string) {
	var (
		wire    *transport.Refusal
		sess    *session.Refusal
		guarded *authz.Refusal
		denied  signin.Denied
	)
	switch {
	case errors.As(err, &denied): // inside of what the guard reports
		return denied.Status, denied.Ref
	case errors.Is(err, activation.ErrBusy), errors.Is(err, activation.ErrStore), errors.Is(err, throttle.ErrStore):
		return http.StatusServiceUnavailable, ""
	case errors.As(err, &wire):
		return wire.Status, wire.Ref
	case errors.As(err, &sess):
		return sess.Status, sess.Ref
	case errors.As(err, &guarded):
		return guarded.Status, guarded.Ref
	}
	return http.StatusInternalServerError, ""
}

func refusalText(status int) string {
	switch status {
	case http.StatusNotFound:
		return "There is nothing here, or nothing that you may see."
	case http.StatusUnauthorized:
		return "Your session was ended, because it was used from another place or browser. Sign in again."
	case http.StatusForbidden:
		return "This was refused. If a form was open for long, go back, reload it and try again."
	case http.StatusServiceUnavailable:
		return "This does not work right now. Nothing was lost; try again in a moment."
	}
	return "Something went wrong on our side. Nothing was lost; try again, and give the reference if you ask for help."
}
