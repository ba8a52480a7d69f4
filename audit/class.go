package audit

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// A Failure is what happens to an operation whose event cannot be recorded.
type Failure int

const (
	// Reject makes events durable: Record returns after fsync, and its error fails the operation.
	Reject Failure = iota
	// Alert lets the operation go on. Events are buffered and reach the disk within a second; one that cannot be kept
	// is counted, reported to [Config.Alert], and the count is recorded as soon as that is possible.
	Alert
)

// String is "reject" or "alert".
func (f Failure) String() string {
	if f == Alert {
		return "alert"
	}
	return "reject"
}

// Keep is how long the events of a class stay. The zero value keeps them for ever.
type Keep struct{ months, days int }

// Months keeps events for n calendar months, to the same day and time of day; where the last month is shorter, to its last day.
func Months(n int) Keep { return Keep{months: n} }

// Days keeps events for n times 24 hours.
func Days(n int) Keep { return Keep{days: n} }

// Until returns the instant from which an event of time t may be deleted, and whether there is one. Months are counted
// in UTC and a day that the last month does not have becomes its last: November 30 and three months is February 28 or
// 29, where time.AddDate goes on into March.
func (k Keep) Until(t time.Time) (time.Time, bool) {
	if k.months <= 0 && k.days <= 0 {
		return time.Time{}, false
	}
	t = t.UTC()
	first := time.Date(t.Year(), t.Month()+time.Month(k.months), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1).Add(time.Duration(k.days) * 24 * time.Hour), true
}

// String is "3m" for months, "30d" for days, "ever" for no end.
func (k Keep) String() string {
	switch {
	case k.months > 0:
		return fmt.Sprintf("%dm", k.months)
	case k.days > 0:
		return fmt.Sprintf("%dd", k.days)
	}
	return "ever"
}

func parseKeep(s string) (Keep, error) {
	if s == "ever" {
		return Keep{}, nil
	}
	var n int
	var unit rune
	if _, err := fmt.Sscanf(s, "%d%c", &n, &unit); err != nil || n < 1 {
		return Keep{}, errors.New("audit: retention is not understood")
	}
	k := Keep{days: n}
	if unit == 'm' {
		k = Keep{months: n}
	}
	if k.String() != s {
		return Keep{}, errors.New("audit: retention is not understood")
	}
	return k, nil
}

// A Class is a kind of event with a chain of its own on disk: what must outlive what, and what may hold up whom.
//
// An event belongs to the class whose name, or one of whose Events, is the longest dotted prefix of the event's name:
// "authz.denied.page" to "authz.denied" before "authz". An event that fits no class is recorded in the class "other".
type Class struct {
	Name       string   // lower-case letters, digits, dots and hyphens, at most 40
	Events     []string // further prefixes; nil: the name alone
	Keep       Keep     // zero: for ever
	OnFailure  Failure  // zero: Reject
	LogAddress bool     // keep the attribute "addr"
	LogAgent   bool     // keep the attribute "agent"
	Personal   bool     // attributes are sealed under the subject, needs [Config.Vault]
	PerSecond  int      // most events a second, beyond it counted and summed up; zero: no limit. Only with Alert
	Aggregate  bool     // before deletion, [Log.Expire] records how often each event and path occurred, as class "statistics"
}

// The classes that a log cannot do without.
const (
	classOther      = "other"
	classStatistics = "statistics"
	classOwn        = "audit"
)

// DefaultClasses are the classes of every log. What any stranger can cause at will is in the classes signin.denied, refused,
// notfound and usage, which are bounded: a flood of it costs counters, neither the disk nor anybody's sign-in. A class in [Config.Classes]
// replaces the one of the same name and takes its Events from the others; leave to signin.denied what is listed there.
func DefaultClasses() []Class {
	return []Class{
		{Name: "session", Keep: Months(3)},
		{Name: "signin", Events: []string{"password", "activation", "totp", "onetime"}, Keep: Months(12)},
		{Name: "signin.denied", Events: []string{
			"signin.captcha", "throttle", "password.busy", "activation.refused", "totp.refused", "totp.throttled", "onetime.refused", "onetime.throttled",
		}, Keep: Months(3), OnFailure: Alert, PerSecond: 50},
		{Name: "authz", Keep: Months(12)},
		{Name: "refused", Events: []string{
			"authz.denied", "session.created", "session.anonymous", "session.csrf", "session.duplicate", "transport", "validate", "upload", "headers",
		}, Keep: Months(3), OnFailure: Alert, PerSecond: 20},
		{Name: "keys", Events: []string{"vault", "keyring"}},
		{Name: "history"},
		{Name: "admin"},
		{Name: "panic", Keep: Months(12)},
		{Name: "notfound", Events: []string{"authz.notfound"}, Keep: Days(30), OnFailure: Alert, PerSecond: 20},
		{Name: "usage", Keep: Days(2), OnFailure: Alert, PerSecond: 500, Aggregate: true},
		{Name: classStatistics, Keep: Months(24)},
		{Name: classOwn},
		{Name: classOther, Keep: Months(12)},
	}
}

// classes merges own into the defaults, sorted by name.
func classes(own []Class, vault bool) ([]Class, error) {
	all := DefaultClasses()
	for i, c := range own {
		if err := c.check(vault); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(own[:i], func(o Class) bool { return o.Name == c.Name }) {
			return nil, fmt.Errorf("audit: two classes are named %q", c.Name)
		}
		c.Events = slices.Clone(c.Events)
		if at := slices.IndexFunc(all, func(o Class) bool { return o.Name == c.Name }); at >= 0 {
			all[at] = c
			continue
		}
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b Class) int { return strings.Compare(a.Name, b.Name) })
	return all, claims(all, own)
}

// claims gives each prefix to one class: to the one of that name, else to one of the host's, else to a default.
func claims(all, own []Class) error {
	owner := map[string]string{}
	for _, c := range own {
		for _, prefix := range c.Events {
			if other, ok := owner[prefix]; ok && other != c.Name {
				return fmt.Errorf("audit: classes %q and %q both claim the events %q", other, c.Name, prefix)
			}
			owner[prefix] = c.Name
		}
	}
	for _, c := range all {
		owner[c.Name] = c.Name
	}
	for i := range all {
		all[i].Events = slices.DeleteFunc(slices.Clone(all[i].Events), func(prefix string) bool {
			by, ok := owner[prefix]
			return ok && by != all[i].Name
		})
	}
	return nil
}

func (c Class) check(vault bool) error {
	if !validName(c.Name) || c.Name == ledgerDir || c.Name == cursorDir {
		return fmt.Errorf("audit: class name %q is not 1 to 40 lower-case letters, digits, dots and hyphens, or is reserved", c.Name)
	}
	for _, prefix := range c.Events {
		if !validName(prefix) {
			return fmt.Errorf("audit: class %q: %q is not a prefix of event names", c.Name, prefix)
		}
	}
	switch {
	case c.Keep.months < 0 || c.Keep.days < 0:
		return fmt.Errorf("audit: class %q keeps for a negative time", c.Name)
	case c.PerSecond < 0 || c.PerSecond > 0 && c.OnFailure != Alert:
		return fmt.Errorf("audit: class %q: PerSecond drops events, which only a class with OnFailure Alert may do", c.Name)
	case c.OnFailure != Reject && c.OnFailure != Alert:
		return fmt.Errorf("audit: class %q: OnFailure is neither Reject nor Alert", c.Name)
	case c.Personal && !vault:
		return fmt.Errorf("audit: class %q is Personal, which needs Config.Vault", c.Name)
	}
	return nil
}

func validName(s string) bool {
	if s == "" || len(s) > 40 || s[0] == '.' || s[0] == '-' || s[len(s)-1] == '.' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '.' && c != '-' {
			return false
		}
	}
	return !strings.Contains(s, "..")
}

// routes finds the chain of an event by name.
type routes map[string]*chain

func (r routes) find(event string) *chain {
	for prefix := event; prefix != ""; {
		if c := r[prefix]; c != nil {
			return c
		}
		prefix = prefix[:max(strings.LastIndexByte(prefix, '.'), 0)]
	}
	return r[classOther]
}

// describe is one line of [Log.Describe].
func (c Class) describe() string {
	line := fmt.Sprintf("%s keep=%s failure=%s addr=%t agent=%t personal=%t limit=%d/s aggregate=%t",
		c.Name, c.Keep, c.OnFailure, c.LogAddress, c.LogAgent, c.Personal, c.PerSecond, c.Aggregate)
	if len(c.Events) > 0 {
		line += " events=" + strings.Join(slices.Sorted(slices.Values(c.Events)), ",")
	}
	return line
}
