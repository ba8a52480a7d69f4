package signin_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The package document lists every reason and event that the code can record, so that a rule for an alarm can be written
// from it.
func TestTheDocumentListsEveryReasonAndEvent(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	document := strings.ReplaceAll(string(doc[:strings.Index(string(doc), "package signin\n")]), "\n// ", " ")
	listed := document[strings.Index(document, "The reasons of signin.denied:"):]
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		src, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?:no|broken)\("([a-z-]+)"\)|reason: "([a-z-]+)"`).FindAllStringSubmatch(string(src), -1) {
			found++
			require.Regexp(t, `[ :]`+m[1]+m[2]+`[,.;]`, listed, "%s in %s", m[0], file)
		}
		for _, m := range regexp.MustCompile(`= "(signin\.[a-z_]+)"\n`).FindAllStringSubmatch(string(src), -1) {
			if file == "doc.go" {
				found++
				require.Contains(t, document, "//\t"+m[1]+" ")
			}
		}
	}
	require.Greater(t, found, 40)
}
