package main

import (
	"time"

	"github.com/skans-go/skans/authz"
)

// The roles. Visitor, editor and administrator are held in one mailbox; staff and system are held everywhere.
const (
	staff         = authz.Role("staff") // everybody who works here: own account, list of own mailboxes
	visitor       = authz.Role("visitor")
	editor        = authz.Role("editor")
	administrator = authz.Role("administrator")
	system        = authz.Role("system")
)

// What is read.
const (
	pageAssets       = authz.Page("assets")
	pageSignIn       = authz.Page("sign-in")
	pageFactor       = authz.Page("sign-in/factor")
	pageEnrol        = authz.Page("sign-in/enrol")
	pageRecovery     = authz.Page("sign-in/recovery")
	pageActivate     = authz.Page("activate")
	pageActivated    = authz.Page("activated")
	pageForgot       = authz.Page("forgot")
	pageForgotten    = authz.Page("forgotten")
	pageReset        = authz.Page("reset")
	pageNotMe        = authz.Page("not-me")
	pageNotMeDone    = authz.Page("not-me/done")
	pageStepUp       = authz.Page("step-up")
	pageNewFactor    = authz.Page("account/factor")
	pageUsers        = authz.Page("admin/users")
	pageRefused      = authz.Page("refused")
	pageHome         = authz.Page("home")
	pageAccount      = authz.Page("account")
	pageInbox        = authz.Page("mail/inbox")
	pageEvents       = authz.Page("mail/events")
	pageConversation = authz.Page("mail/conversation")
	pageFrame        = authz.Page("mail/frame")
	pageRaw          = authz.Page("mail/raw")
	pageAttachment   = authz.Page("mail/attachment")
	pageMailAudit    = authz.Page("mail/audit")
	pageMailExport   = authz.Page("mail/audit/export")
	pageHistory      = authz.Page("mail/history")
	pageCustomer     = authz.Page("mail/customer")
	pageCustomerCopy = authz.Page("mail/customer/export")
	pageErased       = authz.Page("mail/customer/erased")
	pageAdminAudit   = authz.Page("admin/audit")
	pageAdminExport  = authz.Page("admin/audit/export")
	pageAdminSystem  = authz.Page("admin/system")
)

// What changes something.
const (
	doSignIn   = authz.Func("do/sign-in")
	doFactor   = authz.Func("do/factor")
	doEnrol    = authz.Func("do/enrol")
	doActivate = authz.Func("do/activate")
	doForgot   = authz.Func("do/forgot")
	doReset    = authz.Func("do/reset")
	doNotMe    = authz.Func("do/not-me")
	doSignOut  = authz.Func("do/sign-out")
	doStepUp   = authz.Func("do/step-up")

	doPassword      = authz.Func("do/password")
	doRenewFactor   = authz.Func("do/renew-factor")
	doConfirmFactor = authz.Func("do/confirm-factor")
	doRenewRecovery = authz.Func("do/renew-recovery")
	doIssueReset    = authz.Func("do/issue-reset")
	doResetFactor   = authz.Func("do/reset-factor")
	doSetState      = authz.Func("do/set-state")

	doEndDevice = authz.Func("do/end-device")
	doReply     = authz.Func("do/reply")
	doStatus    = authz.Func("do/status")
	doAssign    = authz.Func("do/assign")
	doErase     = authz.Func("do/erase")
)

// justNow is what it takes to change a credential, of oneself or somebody else, and to erase or give away a customer's data. Who has less is asked on /step-up.
var justNow = authz.FreshSecondFactor(10 * time.Minute)

// policy is the whole answer to who may do what. Whatever it does not name, nobody may.
var policy = authz.Policy{
	Roles: map[authz.Role]authz.RoleDef{
		staff:         {GrantedBy: system},
		visitor:       {GrantedBy: administrator},
		editor:        {GrantedBy: administrator, Includes: []authz.Role{visitor}},
		administrator: {GrantedBy: system, Includes: []authz.Role{editor}},
		system:        {GrantedBy: system, Require: []authz.Condition{authz.SecondFactor()}},
	},
	Pages: map[authz.Page]authz.Rule{
		pageAssets:    authz.Public(),
		pageSignIn:    authz.Public(),
		pageFactor:    authz.Public(), // says nothing without a pending sign-in
		pageEnrol:     authz.Public().Unrouted(),
		pageRecovery:  authz.Public().Unrouted(),
		pageActivate:  authz.Public(),
		pageActivated: authz.Public().Unrouted(),
		pageForgot:    authz.Public(),
		pageForgotten: authz.Public().Unrouted(),
		pageReset:     authz.Public(),                     // shows nobody's name without a key
		pageNotMe:     authz.PublicWithKey().Of("person"), // the key is in the letter
		pageNotMeDone: authz.Public().Unrouted(),
		pageRefused:   authz.Public().Unrouted(),

		pageHome:    authz.Allow(staff).Menu("Mailboxes", 10),
		pageAccount: authz.Allow(staff).Menu("Account", 90),
		pageStepUp:  authz.Allow(staff),

		pageNewFactor: authz.Allow(staff).Unrouted(),

		pageInbox:        authz.Allow(visitor).In("box"),
		pageEvents:       authz.Allow(visitor).In("box"),
		pageConversation: authz.Allow(visitor).In("box").Of("id"),
		pageFrame:        authz.Allow(visitor).In("box").Of("id"),
		pageRaw:          authz.Allow(visitor).In("box").Of("id"),
		pageAttachment:   authz.Allow(visitor).In("box").Of("id"),
		pageMailAudit:    authz.Allow(administrator).In("box"),
		pageMailExport:   authz.Allow(administrator).In("box"),
		pageHistory:      authz.Allow(administrator).In("box").Of("id"),
		pageCustomer:     authz.Allow(administrator).In("box").Of("id"),
		pageCustomerCopy: authz.Allow(administrator).Require(justNow).In("box").Of("id"),
		pageErased:       authz.Allow(administrator).In("box").Unrouted(),

		pageAdminAudit:  authz.Allow(system).Require(authz.FreshSecondFactor(8*time.Hour)).Menu("Audit", 70),
		pageAdminExport: authz.Allow(system).Require(authz.FreshSecondFactor(8 * time.Hour)),
		pageUsers:       authz.Allow(system).Require(authz.FreshSecondFactor(time.Hour)).Menu("Users", 60),
		pageAdminSystem: authz.Allow(system).Menu("System", 80),
	},
	Funcs: map[authz.Func]authz.Rule{
		doSignIn:   authz.PublicBecause("signing in"),
		doFactor:   authz.PublicBecause("signing in: the second step, bound to a pending sign-in"),
		doEnrol:    authz.PublicBecause("signing in: a first second factor, bound to a pending sign-in"),
		doActivate: authz.PublicBecause("the activation key in the form is the right"),
		doForgot:   authz.PublicBecause("sends a letter to the account's own address, if there is one"),
		doReset:    authz.PublicBecause("the reset key in the form is the right"),
		doNotMe:    authz.PublicWithKey().Of("person"),
		doSignOut:  authz.PublicBecause("ends nothing but the visitor's own session"),

		doStepUp:        authz.Allow(staff),
		doPassword:      authz.Allow(staff), // takes the current one
		doRenewFactor:   authz.Allow(staff).Require(justNow),
		doConfirmFactor: authz.Allow(staff).Require(justNow),
		doRenewRecovery: authz.Allow(staff).Require(justNow),

		doIssueReset:  authz.Allow(system).Require(justNow).Of("person"),
		doResetFactor: authz.Allow(system).Require(justNow).Of("person"),
		doSetState:    authz.Allow(system).Require(justNow).Of("person"),

		doEndDevice: authz.Allow(staff).Of("id"),
		doReply:     authz.Allow(editor).In("box").Of("id"),
		doStatus:    authz.Allow(editor).In("box").Of("id"),
		doAssign:    authz.Allow(editor).In("box").Of("id"),
		doErase:     authz.Allow(administrator).Require(justNow).In("box").Of("id"),
	},
	Fragments: map[authz.Fragment]authz.Rule{
		"layout/top":    authz.Inherit(),
		"layout/bottom": authz.Inherit(),
		"audit/verdict": authz.Inherit(),
		"audit/changes": authz.Inherit(),
		"audit/view":    authz.Inherit(),
		"mail/tools":    authz.Allow(editor).In("box"),
		"mail/answer":   authz.Allow(editor).In("box"),
	},
}
