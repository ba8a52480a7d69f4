package authz

// A Role is what a person is entitled to be: "editor". Roles mean nothing by themselves; rules name them.
type Role string

// A Page is something that is read with GET or HEAD: the name of an html/template, of a route, or of both.
type Page string

// A Func is something that changes data, reached by POST, PUT, PATCH or DELETE.
type Func string

// A Table is a database table whose use is decided for each [Op].
type Table string

// A Fragment is a template that pages include.
type Fragment string

// An Op is what is done with a table's rows.
type Op string

// The operations of a [Table].
const (
	Select Op = "select"
	Insert Op = "insert"
	Update Op = "update"
	Delete Op = "delete"
)

// A Policy says who may do what. Whatever it does not name, nobody may. It is data without closures: the same from Go
// constants or from JSON (see [ParsePolicy]), to be compared, printed and reviewed.
//
// All names are ASCII: a letter first, then letters, digits, '.', '_', '-' and '/', 128 bytes at most. Pages,
// functions and fragments share one space of names. Two names that a reader could take for each other
// ("admin", "Admin"; "x-1", "x-l") do not start.
type Policy struct {
	Roles     map[Role]RoleDef
	Pages     map[Page]Rule
	Funcs     map[Func]Rule
	Tables    map[Table]map[Op]Rule
	Fragments map[Fragment]Rule
}

// A RoleDef defines a role. The zero value is a plain role that nobody may grant.
type RoleDef struct {
	// Includes lists the roles that a holder of this one also has.
	Includes []Role
	// GrantedBy is the role that entitles to grant and revoke this one; empty: nobody (see [Guard.MayGrant]).
	GrantedBy Role
	// Require lists conditions without which the role counts for nothing but deny.
	Require []Condition
}

// A Name is a [Page], a [Func] or a [Fragment]: whatever a route, a template or a check can ask for.
type Name interface {
	spelled() (kind, string)
}

type kind uint8

const (
	pageKind kind = iota
	funcKind
	fragmentKind
	tableKind
)

func (k kind) String() string { return [...]string{"page", "func", "fragment", "table"}[k] }

func (p Page) spelled() (kind, string)     { return pageKind, string(p) }
func (f Func) spelled() (kind, string)     { return funcKind, string(f) }
func (f Fragment) spelled() (kind, string) { return fragmentKind, string(f) }

// spell asks without a call through the interface, which would move the name to the heap.
func spell(n Name) (kind, string) {
	switch n := n.(type) {
	case Page:
		return pageKind, string(n)
	case Func:
		return funcKind, string(n)
	case Fragment:
		return fragmentKind, string(n)
	}
	return pageKind, "" // nil: a name that no policy has
}

// tableName is how an operation on a table is called in events, matrices and explanations. The blank keeps it apart
// from every name that a page or a function can have.
func tableName(t Table, op Op) string { return string(t) + " " + string(op) }
