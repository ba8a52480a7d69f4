package authz

// A holding is the roles of a subject looked up once for a request, so that each of its decisions (a menu, every
// fragment of a list) compares bits and no names.
type holding struct {
	everywhere bundle
	anywhere   bundle   // in some tenant or everywhere, which is what a deny without a tenant looks at
	tenants    []bundle // of each tenant, without what is held everywhere
}

// A bundle is the roles held in one tenant.
type bundle struct {
	tenant  string
	roles   roleSet
	unknown bool // a role that the policy does not have
}

// maxTenants bounds what looking for a tenant costs.
const maxTenants = 16

// holding returns nil for a subject with roles in many tenants, whose roles are gone through for each decision instead.
func (s *snapshot) holding(sub *Subject) *holding {
	h := &holding{}
	words := (len(s.roles.names) + 63) / 64
	h.everywhere.roles, h.anywhere.roles = make(roleSet, words), make(roleSet, words)
	for i := range sub.Roles {
		g := &sub.Roles[i]
		b := &h.everywhere
		if g.Tenant != "" {
			if b = h.of(g.Tenant, words); b == nil {
				return nil
			}
		}
		n := s.roles.table.index(string(g.Role))
		if n < 0 {
			b.unknown, h.anywhere.unknown = true, true
			continue
		}
		b.roles.add(n)
		h.anywhere.roles.add(n)
	}
	return h
}

// of returns the bundle of a tenant, made where it is missing, or nil where there are too many.
func (h *holding) of(tenant string, words int) *bundle {
	if b := h.in(tenant); b != nil {
		return b
	}
	if len(h.tenants) == maxTenants {
		return nil
	}
	h.tenants = append(h.tenants, bundle{tenant: tenant, roles: make(roleSet, words)})
	return &h.tenants[len(h.tenants)-1]
}

// in returns the bundle of a tenant, or nil.
func (h *holding) in(tenant string) *bundle {
	for i := range h.tenants {
		if h.tenants[i].tenant == tenant {
			return &h.tenants[i]
		}
	}
	return nil
}

// meets reports whether the sets have a role in common.
func (s roleSet) meets(other roleSet) bool {
	for i := range min(len(s), len(other)) {
		if s[i]&other[i] != 0 {
			return true
		}
	}
	return false
}
