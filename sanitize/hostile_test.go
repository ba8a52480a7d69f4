package sanitize_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/skans-go/skans/sanitize"
)

// An attack is one row of testdata/hostile.json. HIT stands for a call that reports, LOAD for a host that nobody may
// ask.
type attack struct {
	Class string `json:"class"`
	HTML  string `json:"html"`
}

func attacks(t testing.TB) []attack {
	t.Helper()
	raw, err := os.ReadFile("testdata/hostile.json")
	require.NoError(t, err)
	var list []attack
	require.NoError(t, json.Unmarshal(raw, &list))
	require.NotEmpty(t, list)
	return list
}

// strangers returns the strings of the shared corpus, where it lies beside the checkout.
func strangers(t testing.TB) []string {
	t.Helper()
	files, _ := filepath.Glob("../../shared/corpora/html/*.json")
	var all []string
	for _, f := range files {
		raw, err := os.ReadFile(f)
		require.NoError(t, err)
		var list []string
		require.NoError(t, json.Unmarshal(raw, &list), f)
		all = append(all, list...)
	}
	return all
}

// around are the surroundings that change how a parser reads what stands in them.
var around = []string{
	"%s", "<p>%s", "<table>%s", "<table><tr>%s", "<table><tr><td>%s</table>", "<ul>%s</ul>", "<b><i>%s</b></i>", "<a href=https://x.example>%s</a>", "<svg>%s</svg>", "<math>%s</math>",
	"<svg><foreignObject>%s", "<math><mtext>%s", "<math><annotation-xml encoding=text/html>%s", "<svg><style>%s</style></svg>", "<noscript>%s</noscript>", "<template>%s</template>",
	"<select>%s</select>", "<select><option>%s", "<textarea>%s</textarea>", "<title>%s</title>", "<style>%s</style>", "<xmp>%s</xmp>", "<iframe>%s</iframe>", "<noembed>%s</noembed>", "<!--%s-->", "<![CDATA[%s]]>",
	"<form><form>%s</form>", "<object>%s", "<button>%s", "<pre>%s", "<p title='%s'>x</p>", "<p title=\"%s\">x</p>", "<img alt=`%s`>", "<frameset>%s", "<body>%s", "<head>%s", "<caption>%s", "<dl><dt>%s", "<font color=red><p>%s", "<span><div>%s</span>",
}

// each calls f with every attack in every surrounding, and with the strangers' strings.
func each(t testing.TB, f func(source string)) (n int) {
	t.Helper()
	list := strangers(t)
	for _, a := range attacks(t) {
		list = append(list, strings.NewReplacer("HIT", "hit()", "LOAD", "load.example").Replace(a.HTML))
	}
	for i, s := range list {
		for j, wrap := range around {
			if (i+j)%everyNth == 0 {
				f(strings.Replace(wrap, "%s", s, 1))
				n++
			}
		}
	}
	return n
}

func washers() map[string]*sanitize.Washer {
	return map[string]*sanitize.Washer{
		"mail":    sanitize.NewMail(sanitize.Mail{}),
		"ids":     sanitize.NewMail(sanitize.Mail{IDPrefix: "m42-", DataBytes: 1 << 20}),
		"allow":   sanitize.NewMail(sanitize.Mail{Remote: sanitize.Allow, IDPrefix: "m42-"}),
		"comment": sanitize.NewComment(sanitize.Comment{}),
	}
}

func TestHostileMarkupComesOutHarmless(t *testing.T) {
	for name, w := range washers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seen := map[string]bool{}
			n := each(t, func(source string) {
				if out := wash(t, w, source); !seen[out] {
					seen[out] = true
					requireHarmless(t, w, source, name == "allow")
				}
			})
			t.Logf("%d sources, %d different outcomes", n, len(seen))
		})
	}
}

// requireHarmless holds every promise about one source: it re-parses to allowed nodes only, without being moved; it
// is the same when washed again; and it stays inside of what it is put in.
func requireHarmless(t testing.TB, w *sanitize.Washer, source string, remote bool) {
	t.Helper()
	out := wash(t, w, source)
	root := parseIn(t, "div", out)
	requireAllowed(t, root, source, remote)
	require.Equal(t, sorted(t, out), serialise(t, root), "the parser moved something in what became of %q", source)
	require.Equal(t, out, wash(t, w, out), "not idempotent: %q", source)
	requireContained(t, containers[len(source)%len(containers)], out, source)
}

func wash(t testing.TB, w *sanitize.Washer, source string) string {
	t.Helper()
	h, _, err := w.Wash(source)
	require.NoError(t, err, "%q", source)
	return h.String()
}

func parseIn(t testing.TB, context, markup string) *html.Node {
	t.Helper()
	root := &html.Node{Type: html.ElementNode, Data: context}
	nodes, err := html.ParseFragment(strings.NewReader(markup), &html.Node{Type: html.ElementNode, Data: "body", DataAtom: 0x2804})
	require.NoError(t, err)
	for _, n := range nodes {
		root.AppendChild(n)
	}
	return root
}

// sorted writes the tokens of markup as they are, with the attributes of each tag in order of their names: the parser
// does not keep theirs.
func sorted(t testing.TB, markup string) string {
	t.Helper()
	var b strings.Builder
	tokens := html.NewTokenizer(strings.NewReader(markup))
	for tokens.Next() != html.ErrorToken {
		token := tokens.Token()
		sortAttributes(token.Attr)
		b.WriteString(token.String())
	}
	return b.String()
}

func sortAttributes(attrs []html.Attribute) {
	slices.SortFunc(attrs, func(a, b html.Attribute) int { return strings.Compare(a.Key, b.Key) })
}

// serialise writes the children of a node as browsers do, without the slash in void elements.
func serialise(t testing.TB, root *html.Node) string {
	t.Helper()
	for n := range root.Descendants() {
		sortAttributes(n.Attr)
	}
	var b strings.Builder
	for n := root.FirstChild; n != nil; n = n.NextSibling {
		require.NoError(t, html.Render(&b, n))
	}
	return strings.ReplaceAll(b.String(), "/>", ">") // text and attributes have &gt;
}

// passive are the elements that neither run, load (but img) nor submit anything in any browser.
const passive = " a abbr acronym address article aside b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl dt em figcaption figure font " +
	"footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark nav ol p pre q s samp section small span strike strong sub sup table tbody td tfoot th thead tr tt u ul var wbr "

const attributes = " align alt bgcolor border bordercolor cellpadding cellspacing clear color colspan dir face height href hspace id lang noshade nowrap rel role rowspan scope size span src " +
	"start style target title type valign value vspace width "

func requireAllowed(t testing.TB, root *html.Node, source string, remote bool) {
	t.Helper()
	for n := range root.Descendants() {
		if n.Type == html.TextNode {
			continue
		}
		require.Equal(t, html.ElementNode, n.Type, "%q", source)
		require.Empty(t, n.Namespace, "%q", source)
		require.Contains(t, passive, " "+n.Data+" ", "%q", source)
		for _, a := range n.Attr {
			require.Contains(t, attributes, " "+a.Key+" ", "%q", source)
			low := strings.ToLower(a.Val)
			switch a.Key {
			case "href":
				require.Regexp(t, `^(https?://[a-z0-9.\[]|mailto:|tel:|sms:|#m42-)`, low, "%q", source)
			case "src":
				if remote {
					require.Regexp(t, `^(data:image/(png|gif|jpeg|webp);base64,|https://[a-z0-9])`, low, "%q", source)
				} else {
					require.Regexp(t, `^data:image/(png|gif|jpeg|webp);base64,`, low, "%q", source)
				}
			case "id":
				require.Regexp(t, `^m42-`, low, "%q", source)
			case "style":
				require.NotRegexp(t, `url|image|expression|import|position|\\|@|/\*|[{}<>"']|behavior|binding|var\(|attr\(|--`, low, "%q", source)
			}
		}
	}
}

// containers are what a page may put a letter into; the letter goes where %s stands.
var containers = []string{
	"<div id=in>%s</div><p id=after>x</p>", "<table><tr><td id=in>%s</td><td id=after>x</td></tr></table>", "<ul><li id=in>%s</li><li id=after>x</li></ul>",
	"<dl><dd id=in>%s</dd><dt id=after>x</dt></dl>", "<section id=in>%s</section><p id=after>x</p>", "<blockquote id=in>%s</blockquote><p id=after>x</p>", "<main><article id=in>%s</article></main><p id=after>x</p>",
	"<form><fieldset id=in>%s</fieldset></form><p id=after>x</p>", "<details open id=in>%s</details><p id=after>x</p>", "<center id=in>%s</center><p id=after>x</p>",
}

func requireContained(t testing.TB, container, out, source string) {
	t.Helper()
	before, after, _ := strings.Cut(container, "%s")
	doc, err := html.Parse(strings.NewReader("<!DOCTYPE html><body>" + before + out + after))
	require.NoError(t, err)
	in, rest := byID(doc, "in"), byID(doc, "after")
	require.NotNil(t, in)
	require.NotNil(t, rest)
	require.Equal(t, sorted(t, out), serialise(t, in), "escaped from %s: %q", container, source)
	for p := rest.Parent; p != nil; p = p.Parent {
		require.NotSame(t, in, p, "swallowed what follows %s: %q", container, source)
	}
}

func byID(doc *html.Node, id string) *html.Node {
	for n := range doc.Descendants() {
		for _, a := range n.Attr {
			if a.Key == "id" && a.Val == id {
				return n
			}
		}
	}
	return nil
}
