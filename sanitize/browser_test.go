package sanitize_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// browser finds Chromium. Without one the test is skipped, but not where CI promises that it ran.
func browser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no chromium is installed; the proof in a browser must run under CI")
	}
	t.Skip("no chromium is installed: the proof in a browser did not run")
	return ""
}

// profile is a directory for the browser. Its last processes can still write there when the first has ended, so
// removing it may take more than one try, and what remains is no fault of what is tested.
func profile(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "skans-browser-")
	require.NoError(t, err)
	t.Cleanup(func() {
		for range 100 {
			if os.RemoveAll(dir) == nil {
				return
			}
		}
	})
	return dir
}

// run opens url in a headless Chromium that can reach nothing but loopback, until done is closed or the context ends.
func run(ctx context.Context, t *testing.T, done <-chan struct{}, url string, flags ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 150*time.Second)
	defer cancel()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
		"--disable-extensions", "--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--user-data-dir=" + profile(t),
	}, append(flags, url)...)
	cmd := exec.CommandContext(ctx, browser(t), args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // so that its children end first
	cmd.WaitDelay = 10 * time.Second
	require.NoError(t, cmd.Start())
	exited := make(chan struct{})
	go func() { _ = cmd.Wait(); close(exited) }()
	select {
	case <-done:
		cancel()
		<-exited
	case <-exited:
	}
}

// proof is the server that the browser talks to. Whatever it is asked for beside its own pages was loaded by washed
// markup.
type proof struct {
	outcomes []string
	mu       sync.Mutex
	executed map[string]int // by page
	loaded   map[string]int
	reported map[string]int // what the policy saw
	result   result
	done     chan struct{}
}

type result struct {
	Checked   int      `json:"checked"`
	Broken    []string `json:"broken"`    // left their container
	Clobbered []string `json:"clobbered"` // can be reached by a name that is not theirs
	Mutated   []string `json:"mutated"`   // read differently after being written again
}

const batch = 250

func (p *proof) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, _ := io.ReadAll(r.Body)
	n, _ := strconv.Atoi(r.URL.Query().Get("n"))
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	switch r.URL.Path {
	case "/proof":
		fmt.Fprintf(w, harness, (len(p.outcomes)+batch-1)/batch)
	case "/frame":
		policy(w)
		p.frame(w, n)
	case "/control":
		policy(w)
		_, _ = io.WriteString(w, frameScript+`<img src=/control/picture onerror=hit()><svg onload=hit()>`)
	case "/batch":
		list := p.outcomes[n*batch : min(len(p.outcomes), (n+1)*batch)]
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	case "/executed":
		p.executed[r.URL.Query().Get("page")]++
	case "/report":
		p.reported[string(body)]++
	case "/done":
		if json.Unmarshal(body, &p.result) == nil {
			close(p.done)
		}
	case "/favicon.ico":
	default:
		p.loaded[r.URL.String()+" from "+r.Referer()]++
	}
}

// policy reports every attempt and stops none.
func policy(w http.ResponseWriter) {
	w.Header().Set("Content-Security-Policy-Report-Only",
		"default-src 'none'; script-src 'nonce-proof'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; report-uri /report")
}

const frameScript = `<!DOCTYPE html><script nonce=proof>function hit(){fetch('/executed?page='+encodeURIComponent(location.href))}alert=prompt=confirm=hit</script>`

// frame writes outcomes as the markup of a page, each in a container of another kind.
func (p *proof) frame(w io.Writer, n int) {
	_, _ = io.WriteString(w, frameScript)
	for i, out := range p.outcomes[n*batch : min(len(p.outcomes), (n+1)*batch)] {
		c := containers[i%len(containers)]
		c = strings.NewReplacer("id=in", fmt.Sprintf("class=in data-n=%d", n*batch+i), "id=after", "class=after").Replace(c)
		_, _ = io.WriteString(w, strings.Replace(c, "%s", out, 1))
	}
}

// harness goes through the frames, and puts every outcome into live and detached documents besides.
const harness = `<!DOCTYPE html><body><script>
const result = {checked: 0, broken: [], clobbered: [], mutated: []};
function hit() { fetch('/executed?page=harness') }
alert = prompt = confirm = hit;
const names = new Set(Object.getOwnPropertyNames(window));
async function show(url) {
  const f = document.createElement('iframe');
  f.src = url; f.width = 900; f.height = 600;
  const loaded = new Promise(ok => f.onload = ok);
  document.body.append(f);
  await loaded;
  await new Promise(ok => setTimeout(ok, 30));
  return f;
}
function named(root, where) {
  for (const e of root.querySelectorAll('[id],[name],[class],form,[form],[for],[slot]')) {
    if (!e.id.startsWith('m42-') || e.hasAttribute('name') || e.hasAttribute('class')) result.clobbered.push(where + ': ' + e.outerHTML);
  }
}
async function check(n) {
  const f = await show('/frame?n=' + n), d = f.contentDocument;
  const boxes = [...d.querySelectorAll('.in')], after = [...d.querySelectorAll('.after')];
  const list = await (await fetch('/batch?n=' + n)).json();
  if (boxes.length != list.length || after.length != list.length) result.broken.push('frame ' + n + ': containers are missing');
  boxes.forEach((box, i) => {
    const probe = document.implementation.createHTMLDocument().createElement('div');
    probe.innerHTML = list[i];
    if (box.innerHTML != probe.innerHTML) result.broken.push('in ' + box.tagName + ': ' + list[i]);
    if (after[i].closest('.in') || after[i].previousElementSibling != box && after[i].parentNode.previousElementSibling != box &&
        after[i].previousElementSibling && !after[i].previousElementSibling.contains(box)) result.broken.push('after: ' + list[i]);
    const again = document.createElement('div');
    again.innerHTML = probe.innerHTML;
    if (again.innerHTML != probe.innerHTML) result.mutated.push(list[i] + ' => ' + again.innerHTML);
    const live = document.createElement('section');
    document.body.append(live);
    live.innerHTML = list[i];
    named(live, 'live');
    live.remove();
    result.checked++;
  });
  boxes.forEach(box => named(box, 'frame'));
  for (const e of d.querySelectorAll('[id]')) if (names.has(e.id)) result.clobbered.push(e.id);
  f.remove();
}
(async () => {
  (await show('/control')).remove();
  for (let n = 0; n < %d; n++) await check(n);
  await fetch('/done', {method: 'POST', body: JSON.stringify(result)});
})().catch(e => fetch('/done', {method: 'POST', body: JSON.stringify({broken: ['harness: ' + e.stack]})}));
</script>`

// TestNothingGetsOutInABrowser washes the corpus, loads what comes out in Chromium as parsed pages under a policy
// that reports, as innerHTML in a live and a detached document, and written and read again: nothing may run, load,
// take a name or leave its container.
func TestNothingGetsOutInABrowser(t *testing.T) {
	browser(t)
	p := &proof{executed: map[string]int{}, loaded: map[string]int{}, reported: map[string]int{}, done: make(chan struct{})}
	server := httptest.NewServer(p)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	seen := map[string]bool{}
	all := washers()
	delete(all, "allow") // loads pictures by intent
	sources := 0
	p.mu.Lock()
	for _, w := range all {
		sources += each(t, func(source string) {
			out := wash(t, w, strings.ReplaceAll(source, "load.example", address))
			if !seen[out] {
				seen[out] = true
				p.outcomes = append(p.outcomes, out)
			}
		})
	}
	slices.Sort(p.outcomes) // the same batches in every run
	p.mu.Unlock()
	run(t.Context(), t, p.done, server.URL+"/proof")

	p.mu.Lock()
	defer p.mu.Unlock()
	require.Equal(t, len(p.outcomes), p.result.Checked, "the browser did not finish: %v", p.result.Broken)
	control := server.URL + "/control"
	require.Positive(t, p.executed[control], "the control did not run, so nothing was proved")
	delete(p.executed, control)
	require.Positive(t, p.loaded["/control/picture from "+control], "the control did not load, so nothing was proved")
	delete(p.loaded, "/control/picture from "+control)
	for report := range p.reported {
		if strings.Contains(report, "/control") {
			delete(p.reported, report)
		}
	}
	require.Empty(t, p.executed, "executions")
	require.Empty(t, p.loaded, "loads")
	require.Empty(t, p.reported, "attempts that the policy reported")
	require.Empty(t, p.result.Clobbered, "clobbered names")
	require.Empty(t, p.result.Broken, "containers broken out of")
	require.Empty(t, p.result.Mutated, "mutations")
	t.Logf("%d sources, %d outcomes: 0 executions, 0 loads, 0 clobbered names, 0 containers broken out of", sources, len(p.outcomes))
}
