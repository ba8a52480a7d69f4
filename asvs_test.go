package skans_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// page is what docs/asvs.md says, as far as it can be held against the code.
type page struct {
	tests     []namedTest
	packages  map[string]bool
	byTest    int
	host      int
	uncovered int
	crypto    map[string][]string // import -> packages
	faults    []string
}

type namedTest struct{ id, pkg, name string }

func (p *page) fault(line int, format string, args ...any) {
	p.faults = append(p.faults, fmt.Sprintf("line %d: ", line)+fmt.Sprintf(format, args...))
}

const (
	requirementHead = "| id | level | requirement | packages | how | shown by |"
	cryptoHead      = "| import | packages | for |"
)

var (
	chapterLine = regexp.MustCompile(`^## V([1-9]\d*) \S`)
	idForm      = regexp.MustCompile(`^([1-9]\d*)\.([1-9]\d*)\.([1-9]\d*)$`)
	testForm    = regexp.MustCompile("^`([a-z0-9/]+): ((?:Test|Fuzz)[A-Z][A-Za-z0-9]*)`$")
	reasonForm  = regexp.MustCompile(`^(host|not covered): \S.{9,}$`)
	countsForm  = regexp.MustCompile(`: (\d+) requirements, (\d+) shown by tests, (\d+) for the host, (\d+) not covered\.`)
)

// readPage reads every table of the page. What is not as it should be becomes a fault.
func readPage(text string) *page {
	p := &page{packages: map[string]bool{}, crypto: map[string][]string{}}
	chapter, tables := 0, 0
	head := "" // of the table that the line is in
	var last []int
	for number, line := range strings.Split(text, "\n") {
		number++
		if strings.HasPrefix(line, "## ") {
			chapter, tables = 0, 0
			if m := chapterLine.FindStringSubmatch(line); m != nil {
				chapter, _ = strconv.Atoi(m[1])
			}
		}
		switch {
		case !strings.HasPrefix(line, "|"):
			head = ""
		case head == "":
			if head = line; head != requirementHead && head != cryptoHead {
				p.fault(number, "a table with another head")
			}
			if tables++; tables > 1 {
				p.fault(number, "a second table in one chapter")
			}
		case strings.Trim(line, "|-") == "":
		case head == cryptoHead:
			p.cryptoRow(number, cells(line))
		default:
			last = p.requirement(number, chapter, last, cells(line))
		}
	}
	p.counts(text)
	return p
}

func cells(line string) []string {
	all := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "|"), "|"), "|")
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return all
}

// requirement reads one row and returns its number, which the next one must exceed.
func (p *page) requirement(line, chapter int, last []int, row []string) []int {
	if len(row) != 6 || slices.Contains(row, "") {
		p.fault(line, "not six cells with something in each")
		return last
	}
	id := idForm.FindStringSubmatch(row[0])
	if id == nil {
		p.fault(line, "%q is no id", row[0])
		return last
	}
	var number []int
	for _, part := range id[1:] {
		n, _ := strconv.Atoi(part)
		number = append(number, n)
	}
	if slices.Compare(number, last) <= 0 {
		p.fault(line, "%s is out of order or there twice", row[0])
	}
	if number[0] != chapter {
		p.fault(line, "%s is not of the chapter it stands in", row[0])
	}
	if !slices.Contains([]string{"1", "2", "3"}, row[1]) {
		p.fault(line, "%s: level %q", row[0], row[1])
	}
	if row[3] != "-" {
		for _, pkg := range strings.Split(row[3], ", ") {
			p.packages[pkg] = true
		}
	}
	p.answer(line, row[0], row[5])
	return number
}

// answer reads the last cell: tests, or host or not covered with a reason, and never both.
func (p *page) answer(line int, id, answer string) {
	if m := reasonForm.FindStringSubmatch(answer); m != nil {
		if strings.Contains(answer, "`") {
			p.fault(line, "%s: a reason that names something like a test", id)
		}
		if m[1] == "host" {
			p.host++
		} else {
			p.uncovered++
		}
		return
	}
	p.byTest++
	for _, span := range strings.Split(answer, ", ") {
		m := testForm.FindStringSubmatch(span)
		if m == nil {
			p.fault(line, "%s: %q is neither `package: Test` nor a reason", id, span)
			continue
		}
		named := namedTest{id, m[1], m[2]}
		if slices.Contains(p.tests, named) {
			p.fault(line, "%s names %s twice", id, span)
		}
		p.tests = append(p.tests, named)
	}
}

func (p *page) cryptoRow(line int, row []string) {
	if len(row) != 3 || slices.Contains(row, "") {
		p.fault(line, "not three cells with something in each")
		return
	}
	if p.crypto[row[0]] != nil {
		p.fault(line, "%s is there twice", row[0])
	}
	p.crypto[row[0]] = strings.Split(row[1], ", ")
}

func (p *page) counts(text string) {
	rows := p.byTest + p.host + p.uncovered
	if rows == 0 {
		p.fault(0, "no requirement")
	}
	m := countsForm.FindStringSubmatch(strings.ReplaceAll(text, "\n", " "))
	if want := []string{strconv.Itoa(rows), strconv.Itoa(p.byTest), strconv.Itoa(p.host), strconv.Itoa(p.uncovered)}; m == nil || !slices.Equal(m[1:], want) {
		p.fault(0, "the counts at the top are not %v", want)
	}
}

// source is what the Go files of the tree have, nested modules included, by package: "skans" for the root, else the folder.
type source struct {
	tests    map[string]map[string]bool // names of tests and fuzz targets
	packages map[string]bool            // with a file that is no test
	imports  map[string][]string        // of the library: import -> packages
}

func readSource(t *testing.T) source {
	t.Helper()
	s := source{map[string]map[string]bool{}, map[string]bool{}, map[string][]string{}}
	require.NoError(t, fs.WalkDir(os.DirFS("."), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || strings.HasPrefix(base, "_") || base == "testdata") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := path.Dir(name)
		if pkg == "." {
			pkg = "skans"
		}
		if strings.HasSuffix(name, "_test.go") {
			s.addTests(pkg, file)
		} else {
			s.addPackage(pkg, file)
		}
		return nil
	}))
	return s
}

func (s source) addTests(pkg string, file *ast.File) {
	if s.tests[pkg] == nil {
		s.tests[pkg] = map[string]bool{}
	}
	for _, decl := range file.Decls {
		f, ok := decl.(*ast.FuncDecl)
		if !ok || f.Recv != nil || f.Type.TypeParams != nil || f.Type.Results != nil || len(f.Type.Params.List) != 1 {
			continue
		}
		pointer, ok := f.Type.Params.List[0].Type.(*ast.StarExpr)
		if !ok {
			continue
		}
		if of, ok := pointer.X.(*ast.SelectorExpr); ok && (of.Sel.Name == "T" || of.Sel.Name == "F") {
			s.tests[pkg][f.Name.Name] = true
		}
	}
}

func (s source) addPackage(pkg string, file *ast.File) {
	s.packages[pkg] = true
	if file.Name.Name == "main" || strings.HasPrefix(pkg, "examples/") {
		return
	}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err == nil && watched(imported) && !slices.Contains(s.imports[imported], pkg) {
			s.imports[imported] = append(s.imports[imported], pkg)
		}
	}
}

// watched reports whether an import belongs into the cryptographic inventory, or would let bytes become code or types.
func watched(imported string) bool {
	for _, prefix := range []string{"crypto/", "hash/", "golang.org/x/crypto/", "math/rand"} {
		if strings.HasPrefix(imported, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"encoding/gob", "encoding/xml", "text/template", "plugin", "os/exec", "unsafe"}, imported)
}

func asvs(t *testing.T) *page {
	t.Helper()
	text, err := os.ReadFile("docs/asvs.md")
	require.NoError(t, err)
	return readPage(string(text))
}

// A test that is renamed or removed must be missed here, or the page goes on promising what nothing shows.
func TestASVSNamesTestsThatExist(t *testing.T) {
	p, s := asvs(t), readSource(t)
	require.Empty(t, strings.Join(p.faults, "\n"))
	require.NotEmpty(t, p.tests)
	for _, named := range p.tests {
		if !s.tests[named.pkg][named.name] {
			t.Errorf("%s: there is no %s in the tests of %s", named.id, named.name, named.pkg)
		}
	}
	for _, pkg := range slices.Sorted(maps.Keys(p.packages)) {
		if !s.packages[pkg] {
			t.Errorf("there is no package %s", pkg)
		}
	}
}

// The inventory is whole in both directions, so that a weaker hash, another source of randomness or a decoder that makes
// types of bytes does not come in unseen.
func TestASVSCryptography(t *testing.T) {
	listed, imports := asvs(t).crypto, readSource(t).imports
	require.NotEmpty(t, listed)
	for _, all := range []map[string][]string{listed, imports} {
		for _, packages := range all {
			slices.SortFunc(packages, func(a, b string) int { // the root first
				return strings.Compare(strings.TrimPrefix(a, "skans"), strings.TrimPrefix(b, "skans"))
			})
		}
	}
	require.Equal(t, listed, imports)
}

// What the tests above could not see, they could not fail for.
func TestASVSReaderFindsFaults(t *testing.T) {
	const (
		top  = "x: 2 requirements, 1 shown by tests, 1 for the host, 0 not covered.\n\n## V1 One\n\n"
		head = requirementHead + "\n|---|---|---|---|---|---|\n"
		one  = "| 1.1.1 | 1 | Text | session | how | `session: TestX` |\n"
		two  = "| 1.2.10 | 2 | Text | - | how | host: a reason of some length |\n"
	)
	require.Empty(t, readPage(top+head+one+two).faults)
	require.Equal(t, []namedTest{{"1.1.1", "session", "TestX"}}, readPage(top+head+one+two).tests)
	for name, c := range map[string]struct{ text, says string }{
		"empty":             {"", "no requirement"},
		"no rows":           {top + head, "no requirement"},
		"no counts":         {"## V1 One\n" + head + one + two, "counts"},
		"wrong counts":      {strings.Replace(top, "1 for the host", "0 for the host", 1) + head + one + two, "counts"},
		"twice":             {top + head + one + one, "out of order or there twice"},
		"out of order":      {top + head + two + one, "out of order"},
		"order of numbers":  {top + head + two + strings.Replace(one, "1.1.1", "1.2.9", 1), "out of order"},
		"no id":             {top + head + strings.Replace(one, "1.1.1", "V1.1.1", 1) + two, "is no id"},
		"leading zero":      {top + head + strings.Replace(one, "1.1.1", "1.01.1", 1) + two, "is no id"},
		"another chapter":   {strings.Replace(top, "V1 ", "V2 ", 1) + head + one + two, "not of the chapter"},
		"no chapter":        {strings.Replace(top, "V1 ", "", 1) + head + one + two, "not of the chapter"},
		"level":             {top + head + strings.Replace(one, "| 1 |", "| 4 |", 1) + two, "level"},
		"a cell missing":    {top + head + strings.Replace(one, "| how ", "", 1) + two, "six cells"},
		"an empty cell":     {top + head + strings.Replace(one, "how", "", 1) + two, "six cells"},
		"no answer":         {top + head + strings.Replace(one, "`session: TestX`", "", 1) + two, "six cells"},
		"words only":        {top + head + strings.Replace(one, "`session: TestX`", "yes", 1) + two, "neither"},
		"no package":        {top + head + strings.Replace(one, "`session: TestX`", "`TestX`", 1) + two, "neither"},
		"no test":           {top + head + strings.Replace(one, "TestX", "ExampleX", 1) + two, "neither"},
		"test and reason":   {top + head + strings.Replace(one, "`session: TestX`", "host: see `session: TestX`", 1) + two, "like a test"},
		"a test twice":      {top + head + strings.Replace(one, "`session: TestX`", "`session: TestX`, `session: TestX`", 1) + two, "twice"},
		"no reason":         {top + head + one + strings.Replace(two, "a reason of some length", "", 1), "neither"},
		"two tables":        {top + head + one + "\n" + head + two, "a second table"},
		"another table":     {top + "| a | b |\n|---|---|\n| c | d |\n", "another head"},
		"crypto twice":      {top + head + one + two + "\n## C\n\n" + cryptoHead + "\n|---|---|---|\n| a | b | c |\n| a | b | c |\n", "there twice"},
		"crypto cell empty": {top + head + one + two + "\n## C\n\n" + cryptoHead + "\n|---|---|---|\n| a | | c |\n", "three cells"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, strings.Join(readPage(c.text).faults, "\n"), c.says)
		})
	}
}
