package authz

import (
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"text/template/parse"
)

// Helpers are template functions that know the request: {{csrf "mail.delete"}}, {{nonce}}. Arguments are texts or
// whole numbers. What they return is escaped for the place where it stands.
type Helpers map[string]func(r *http.Request, args ...string) (string, error)

// Funcs returns stand-ins under the helpers' names, for parsing.
func (h Helpers) Funcs() template.FuncMap {
	funcs := template.FuncMap{}
	for name := range h {
		funcs[name] = standIn
	}
	return funcs
}

func standIn(...any) (string, error) {
	return "", errors.New("authz: works only under Guard.Render")
}

// TemplateFuncs returns the names that templates may use under [Guard.Render], for a host that parses them itself:
//
//	{{if can "mail.delete"}}         may this subject, for the object of this page?
//	{{if can "mail.delete" .ID}}     for another id in the same tenant
//	{{if can "mail.inbox" .Object}}  for an [Object]
//	{{range menu}}                   the entries of [Guard.Menu]
//
// The first argument of can is a literal, which is compared with the policy at start. A host that parses by itself
// answers for it that no template is defined twice: html/template keeps the last and nothing of the others, so that only
// [ParseFS] can tell.
func TemplateFuncs() template.FuncMap {
	return template.FuncMap{
		"can":  func(string, ...any) (bool, error) { _, err := standIn(); return false, err },
		"menu": func() ([]Item, error) { _, err := standIn(); return nil, err },
	}
}

// ParseFS parses the files that match the patterns (see [fs.Glob]) into one set for Config.Templates. A file's own
// template is named by its path without the extension ("mail/inbox" for mail/inbox.html), so that no directory hides
// another's; a file with nothing but defines has none. Unlike html/template it refuses a template that is defined
// twice, since the last one would silently win.
func ParseFS(fsys fs.FS, funcs template.FuncMap, patterns ...string) (*template.Template, error) {
	for name := range funcs {
		if _, ok := TemplateFuncs()[name]; ok {
			return nil, fmt.Errorf("authz: template function %q is the guard's own; rename yours", name)
		}
	}
	root := template.New("").Funcs(TemplateFuncs()).Funcs(funcs)
	from := map[string]string{}
	for _, pattern := range patterns {
		files, err := fs.Glob(fsys, pattern)
		if err != nil || len(files) == 0 {
			return nil, errors.Join(fmt.Errorf("authz: no template file matches %q", pattern), err)
		}
		for _, file := range files {
			if err := parseFile(root, from, fsys, file, funcs); err != nil {
				return nil, err
			}
		}
	}
	return root, nil
}

func parseFile(root *template.Template, from map[string]string, fsys fs.FS, file string, funcs template.FuncMap) error {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return fmt.Errorf("authz: template %s: %w", file, err)
	}
	own := strings.TrimSuffix(file, path.Ext(file))
	set, err := template.New(own).Funcs(TemplateFuncs()).Funcs(funcs).Parse(string(text))
	if err != nil {
		return fmt.Errorf("authz: %w", err)
	}
	for _, t := range set.Templates() {
		if t.Tree == nil || t.Name() == own && parse.IsEmptyTree(t.Tree.Root) {
			continue
		}
		if other, ok := from[t.Name()]; ok {
			return fmt.Errorf("authz: template %q is defined in %s and again in %s", t.Name(), other, file)
		}
		from[t.Name()] = file
		if _, err := root.AddParseTree(t.Name(), t.Tree); err != nil {
			return fmt.Errorf("authz: template %s: %w", file, err)
		}
	}
	return nil
}

// guardName is the name under which the guard stands in a template; each has its own, since an argument would cost more
// than the decision. No host template can call it, since it was not known when that was parsed.
func guardName(template string) string { return "_authz_guard_" + hex.EncodeToString([]byte(template)) }

// inspection is what the templates of a set ask for.
type inspection struct {
	defined  []string
	includes map[string][]string // template -> templates
	cans     map[string][]string // template -> names
	empty    map[string]bool     // a file with nothing but defines leaves one
	errs     []error
}

// inspect walks every template and puts the guard around its body: what the subject may not see yields no byte,
// wherever it is included.
func inspect(set *template.Template) (*inspection, error) {
	in := &inspection{empty: map[string]bool{}, includes: map[string][]string{}, cans: map[string][]string{}}
	for _, t := range set.Templates() {
		if t.Tree == nil || t.Tree.Root == nil {
			continue
		}
		in.empty[t.Name()] = parse.IsEmptyTree(t.Tree.Root)
		in.defined = append(in.defined, t.Name())
		in.walk(t, t.Tree.Root)
		if err := wrap(t.Tree); err != nil {
			return nil, err
		}
	}
	slices.Sort(in.defined)
	return in, sortedErrors(in.errs)
}

// wrap changes a body into {{if the guard}}body{{end}}.
func wrap(tree *parse.Tree) error {
	guard := guardName(tree.Name)
	shell, err := parse.Parse(tree.Name, "{{if "+guard+"}}{{end}}", "", "", map[string]any{guard: standIn})
	if err != nil {
		return fmt.Errorf("authz: template %q: %w", tree.Name, err)
	}
	root := shell[tree.Name].Root
	root.Nodes[0].(*parse.IfNode).List = tree.Root
	tree.Root = root
	return nil
}

func (in *inspection) walk(t *template.Template, n parse.Node) {
	list := func(l *parse.ListNode) {
		if l != nil {
			for _, n := range l.Nodes {
				in.walk(t, n)
			}
		}
	}
	branch := func(b *parse.BranchNode) {
		in.walk(t, b.Pipe)
		list(b.List)
		list(b.ElseList)
	}
	switch n := n.(type) {
	case *parse.ListNode:
		list(n)
	case *parse.IfNode:
		branch(&n.BranchNode)
	case *parse.RangeNode:
		branch(&n.BranchNode)
	case *parse.WithNode:
		branch(&n.BranchNode)
	case *parse.ActionNode:
		in.walk(t, n.Pipe)
	case *parse.TemplateNode:
		in.includes[t.Name()] = append(in.includes[t.Name()], n.Name)
		if n.Pipe != nil {
			in.walk(t, n.Pipe)
		}
	case *parse.PipeNode:
		for _, c := range n.Cmds {
			in.walk(t, c)
		}
	case *parse.ChainNode:
		in.walk(t, n.Node)
	case *parse.CommandNode:
		in.command(t, n)
	}
}

// command finds calls of can. Whatever is not can and a literal is refused, since it could not be compared.
func (in *inspection) command(t *template.Template, n *parse.CommandNode) {
	for i, arg := range n.Args {
		id, ok := arg.(*parse.IdentifierNode)
		if !ok || id.Ident != "can" {
			in.walk(t, arg)
			continue
		}
		var name *parse.StringNode
		if i == 0 && len(n.Args) > 1 {
			name, _ = n.Args[1].(*parse.StringNode)
		}
		if name == nil {
			place, _ := t.Tree.ErrorContext(n)
			in.errs = append(in.errs, fmt.Errorf("authz: template %s: can needs a literal name, as in can \"mail.delete\"", place))
			continue
		}
		in.cans[t.Name()] = append(in.cans[t.Name()], name.Text)
	}
}

// check compares the templates with a policy.
func (t *templates) check(s *snapshot) error {
	var errs []error
	for _, name := range t.found.defined {
		if r := s.rules[name]; (r == nil || r.kind == funcKind) && !t.found.empty[name] {
			errs = append(errs, fmt.Errorf("authz: template %q is neither page nor fragment; declare it"+
				" (a fragment that follows its page is Inherit)", clip(name)))
		}
		for _, used := range t.found.includes[name] {
			if !t.has(used) {
				errs = append(errs, fmt.Errorf("authz: template %q includes %q, which is not defined", clip(name), clip(used)))
			}
		}
		for _, used := range t.found.cans[name] {
			if s.rules[used] == nil {
				errs = append(errs, fmt.Errorf("authz: template %q asks can %q, which is not in the policy", clip(name), clip(used)))
			}
		}
	}
	return sortedErrors(errs)
}

func (t *templates) has(name string) bool {
	_, ok := slices.BinarySearch(t.found.defined, name)
	return ok
}
