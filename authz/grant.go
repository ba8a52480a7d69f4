package authz

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
)

// What [Guard.MayGrant], [Guard.MayRevoke] and [Guard.MayBootstrap] refuse with.
var (
	// ErrSelfGrant: nobody changes their own roles upwards.
	ErrSelfGrant = errors.New("authz: nobody grants a role to themselves")
	// ErrNotGrantable: the role is not declared, or no role may grant it.
	ErrNotGrantable = errors.New("authz: this role is granted by nobody")
	// ErrMayNotGrant: the actor does not hold the role that grants this one, or not there, or not with its demands met.
	ErrMayNotGrant = errors.New("authz: the actor may not grant or revoke this role here")
	// ErrLastHolder: without this holder nobody could grant the role again.
	ErrLastHolder = errors.New("authz: the last holder of an administrating role stays")
	// ErrNotFirst: the role has a holder already, or is not one to begin with.
	ErrNotFirst = errors.New("authz: only the first holder of an administrating role is made without another")
)

// MayGrant returns nil if actor may give the role in the tenant (empty: everywhere) to the user with the given id: the
// actor is signed in, of the backend, holds the role's GrantedBy there or everywhere, with its demands met, and is
// somebody else.
func (g *Guard) MayGrant(actor Subject, role Role, tenant, subjectID string) error {
	if strings.EqualFold(strings.TrimSpace(actor.ID), strings.TrimSpace(subjectID)) {
		return ErrSelfGrant
	}
	return g.mayAdminister(actor, role, tenant, subjectID)
}

// MayRevoke returns nil if actor may take the role from the user: who may grant may revoke. others is how many
// other users hold the role there. The last holder of an administrating role (one that is some
// role's GrantedBy) is kept. Count and change belong into one transaction of the host.
func (g *Guard) MayRevoke(actor Subject, role Role, tenant, subjectID string, others int) error {
	if err := g.mayAdminister(actor, role, tenant, subjectID); err != nil {
		return err
	}
	if others < 1 && g.administrating(role) {
		return ErrLastHolder
	}
	return nil
}

// MayBootstrap returns nil if the role may be given without anybody's right: it is administrating and nobody holds it.
// A command line calls it to make the first administrator; nothing that the network reaches should.
func (g *Guard) MayBootstrap(role Role, holders int) error {
	if holders != 0 || !g.administrating(role) {
		return ErrNotFirst
	}
	return nil
}

// Granted decides as MayGrant does and records [EventGranted]. Call it within the transaction that stores the role, and
// commit only if it returns nil.
func (g *Guard) Granted(ctx context.Context, actor Subject, role Role, tenant, subjectID string) error {
	return g.recordGrant(ctx, EventGranted, actor, role, tenant, subjectID, g.MayGrant(actor, role, tenant, subjectID))
}

// Revoked decides as MayRevoke does and records [EventRevoked]; see [Guard.Granted].
func (g *Guard) Revoked(ctx context.Context, actor Subject, role Role, tenant, subjectID string, others int) error {
	return g.recordGrant(ctx, EventRevoked, actor, role, tenant, subjectID, g.MayRevoke(actor, role, tenant, subjectID, others))
}

func (g *Guard) recordGrant(ctx context.Context, event string, actor Subject, role Role, tenant, subjectID string, err error) error {
	attrs := []slog.Attr{
		slog.String("user", actor.ID), slog.String("role", clip(string(role))),
		slog.String("tenant", clip(tenant)), slog.String("subject", clip(subjectID)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("rule", event), slog.String("reason", strings.TrimPrefix(err.Error(), "authz: ")))
		return errors.Join(err, g.audit(ctx, EventDenied, attrs...))
	}
	if err := g.audit(ctx, event, attrs...); err != nil {
		return fmt.Errorf("authz: not changed, since it could not be recorded: %w", err)
	}
	return nil
}

// mayAdminister decides about the actor as a rule would that allows the role's GrantedBy in the tenant.
func (g *Guard) mayAdminister(actor Subject, role Role, tenant, subjectID string) error {
	s := g.snap.Load()
	n := s.roles.table.index(string(role))
	if n < 0 || s.roles.defs[n].GrantedBy == "" {
		return ErrNotGrantable
	}
	by := s.roles.table.index(string(s.roles.defs[n].GrantedBy))
	if actor.ID == "" || !actor.Backend || subjectID == "" {
		return ErrMayNotGrant
	}
	ctx := context.Background()
	for _, held := range actor.Roles {
		if held.Tenant != "" && held.Tenant != tenant {
			continue
		}
		h := s.roles.table.index(string(held.Role))
		if h >= 0 && s.demands(ctx, s.roles.reach[h].ways(by), &actor, &Object{Tenant: tenant, ID: subjectID}) {
			return nil
		}
	}
	return ErrMayNotGrant
}

// administrating reports whether some role is granted by this one.
func (g *Guard) administrating(role Role) bool {
	s := g.snap.Load()
	return s.roles.table.index(string(role)) >= 0 &&
		slices.ContainsFunc(s.roles.defs, func(d RoleDef) bool { return d.GrantedBy == role })
}
