package signin

import (
	"errors"
	"net/http"
	"slices"

	"github.com/skans-go/skans/password/throttle"
	"github.com/skans-go/skans/session"
)

// A Proof says that an identity provider (OIDC, SAML, LDAP, BankID) knows who this visitor is. The host has verified
// it: signature, audience, nonce, and that it was asked for by this browser.
type Proof struct {
	Issuer  string           // who says so; a URL or another name that is never given to somebody else
	Subject string           // whom it means; unique and final at the issuer ("sub"), never an e-mail address
	Methods []session.Method // how, as far as the issuer tells ("amr", RFC 8176); empty counts as one factor
}

// Federated is the method that a session shows for an external proof, beside those that the issuer names.
const Federated session.Method = "fed"

// strong are the methods by which an issuer's word stands for a second factor. Codes by SMS and mail are not.
var strong = []session.Method{session.OTP, session.HardwareKey, session.SoftwareKey, "sc", "mfa"}

// External is the first step with a proof in the place of name and password. The account is the one that
// [Config.External] finds by issuer and subject. Allow and the second factor follow as for a password, unless the
// issuer vouches for one: a method otp, hwk, swk, sc or mfa.
func (f *Flow) External(w http.ResponseWriter, r *http.Request, p Proof) Outcome {
	v := f.visit(w, r, PathExternal)
	defer v.end()
	v.tried(p.Issuer + "\x00" + p.Subject)
	if why := v.linked(p); why != nil {
		return v.deny(why)
	}
	if why := v.allow(); why != nil {
		return v.deny(why)
	}
	methods := append([]session.Method{Federated}, p.Methods...)
	if slices.ContainsFunc(p.Methods, func(m session.Method) bool { return slices.Contains(strong, m) }) {
		return v.grant(throttle.Attempt{}, methods...)
	}
	return v.secondFactor(throttle.Attempt{}, methods...)
}

// maxMethods bounds how many methods a proof may name; a session keeps 16.
const maxMethods = 8

func (v *visit) linked(p Proof) *refused {
	if p.Issuer == "" || p.Subject == "" || len(p.Methods) > maxMethods {
		return no("proof")
	}
	if v.cfg.External == nil {
		return no("no-external")
	}
	p.Methods = slices.Clone(p.Methods)
	u, err := v.cfg.External(v.ctx, p)
	switch {
	case errors.Is(err, ErrNoUser):
		return no("unknown")
	case err != nil || u.ID == "":
		return broken("users")
	}
	v.user = u
	return nil
}
