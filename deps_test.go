package skans_test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/skans-go/skans"

// mayImport is who may import whom, beside the standard library: the seven rooms never each other, their inner rooms their
// parent, the hall (session/signin) the rooms that meet there, and no room adapters or examples. "." is the root package;
// a name without a dot in its first part is a package of this module. A package that is not here fails the test.
var mayImport = map[string][]string{
	".":         {},
	"vaulttest": {".", testing_},

	"internal/clientaddr": {},
	"internal/refusal":    {},

	"session":             {".", "internal/clientaddr", "internal/refusal"},
	"session/sessiontest": {"session", testing_},
	"session/transport":   {"internal/clientaddr", "internal/refusal"},
	"session/signin": {
		".", "internal/clientaddr", "internal/refusal",
		"session", "password", "password/throttle", "totp", "totp/onetime",
	},

	"authz": {".", "internal/clientaddr", "internal/refusal"},

	"validate": {
		".", "internal/refusal", "validate/upload",
		"github.com/go-playground/validator/v10", "golang.org/x/net/idna", "golang.org/x/text/language", "golang.org/x/text/unicode/norm",
	},
	"validate/upload": {"golang.org/x/text/unicode/norm"},

	"password": {
		".", "password/internal/guess",
		"golang.org/x/crypto/argon2", "golang.org/x/crypto/blowfish", "golang.org/x/crypto/scrypt",
		"golang.org/x/text/encoding/charmap", "golang.org/x/text/unicode/norm",
	},
	"password/internal/guess":            {"golang.org/x/text/unicode/norm"},
	"password/internal/guess/gen":        {"password/internal/guess"},
	"password/throttle":                  {".", "internal/clientaddr", "internal/refusal", "golang.org/x/text/cases", "golang.org/x/text/unicode/norm"},
	"password/throttle/throttletest":     {"password/throttle", testing_},
	"password/activation":                {"."},
	"password/activation/activationtest": {"password/activation", testing_},

	"totp":                     {".", "totp/internal/budget", "github.com/pquerna/otp"},
	"totp/internal/budget":     {},
	"totp/totptest":            {".", "totp", "github.com/pquerna/otp/totp", testing_},
	"totp/onetime":             {".", "totp/internal/budget"},
	"totp/onetime/onetimetest": {"totp/onetime", testing_},

	"audit":        {".", "internal/clientaddr", "internal/refusal"},
	"audit/syslog": {"audit"},

	"sanitize": {
		"github.com/microcosm-cc/bluemonday", "golang.org/x/net/html", "golang.org/x/net/html/atom", "golang.org/x/text/unicode/norm",
	},
	"sanitize/headers": {"internal/clientaddr", "internal/refusal", "sanitize"},

	"examples/argon2cost": {"password"},
	"examples/quickstart": {".", "password", "password/throttle", "session", "session/signin", "validate"},
}

// testing_ is what a conformance suite may use.
const testing_ = "github.com/stretchr/testify/require"

type listed struct {
	ImportPath                         string
	Imports, TestImports, XTestImports []string
}

func goList(t *testing.T) []listed {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	require.NoError(t, err)
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		all = append(all, p)
	}
	require.NotEmpty(t, all)
	return all
}

// short names a package as the table does; ok is false for the standard library's.
func short(path string) (name string, ok bool) {
	if path == module {
		return ".", true
	}
	if inside, found := strings.CutPrefix(path, module+"/"); found {
		return inside, true
	}
	first, _, _ := strings.Cut(path, "/")
	return path, strings.Contains(first, ".")
}

func TestImports(t *testing.T) {
	for _, p := range goList(t) {
		name, _ := short(p.ImportPath)
		allowed, known := mayImport[name]
		if !known {
			t.Errorf("%s is not in the table of imports; say there whom it may import", name)
			continue
		}
		for _, path := range p.Imports {
			if imported, ok := short(path); ok && !slices.Contains(allowed, imported) {
				t.Errorf("%s imports %s, which the table does not allow", name, imported)
			}
		}
		for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
			if imported, _ := short(path); strings.HasPrefix(imported, "adapters/") || strings.HasPrefix(imported, "examples/") {
				t.Errorf("a test of %s imports %s", name, imported)
			}
		}
	}
}

// The libraries that a host takes in by taking in this one.
func TestDirectRequirements(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json").Output()
	require.NoError(t, err)
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	require.NoError(t, json.Unmarshal(out, &mod))
	var direct []string
	for _, r := range mod.Require {
		if !r.Indirect {
			direct = append(direct, r.Path)
		}
	}
	require.ElementsMatch(t, []string{
		"golang.org/x/crypto", "github.com/pquerna/otp", "github.com/microcosm-cc/bluemonday", "github.com/go-playground/validator/v10",
		"github.com/stretchr/testify", "golang.org/x/net", "golang.org/x/text",
	}, direct)
}

// Every module is in go.work, so that "go test work" tests all of them.
func TestWorkspaceIsWhole(t *testing.T) {
	work, err := os.ReadFile("go.work")
	require.NoError(t, err)
	out, err := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "*go.mod").Output()
	if err != nil {
		t.Skip("not a git checkout, so the list of modules is not known; clone the repository to run this")
	}
	for _, file := range strings.Fields(string(out)) {
		dir := "./" + strings.TrimSuffix(strings.TrimSuffix(file, "go.mod"), "/")
		if dir == "./" {
			dir = "."
		}
		require.Contains(t, strings.Fields(string(work)), dir, "go.work lacks %s", dir)
		if dir != "." {
			mod, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Contains(t, string(mod), "replace github.com/skans-go/skans => ../..", file)
		}
	}
}
