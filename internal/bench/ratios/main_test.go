package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const output = `goos: linux
goarch: amd64
pkg: example.com/bench
cpu: Some CPU
BenchmarkMAC/vs-hmac-2       	     100	         0.5000 ratio	  398190 B/op
BenchmarkMAC/vs-hmac-2       	     100	         0.7000 ratio	  398190 B/op
BenchmarkMAC/vs-hmac-2       	     100	         9.0000 ratio	  398190 B/op
BenchmarkWashHostile/a/skans-2    1	  1000000 ns/op
BenchmarkWashHostile/b/skans-2    1	  3000000 ns/op
BenchmarkSession/skans-2     	   13516	      4407 ns/op	    1329 B/op	      11 allocs/op
PASS
`

func TestParse(t *testing.T) {
	res, err := parse(strings.NewReader(output))
	require.NoError(t, err)
	require.Equal(t, "linux, amd64, Some CPU", res.machine)
	require.Equal(t, []string{"MAC/vs-hmac", "WashHostile/a/skans", "WashHostile/b/skans", "Session/skans"}, res.names)

	v, ok := res.get("MAC/vs-hmac", "ratio")
	require.True(t, ok)
	require.Equal(t, 0.7, v, "the median of three runs")
	v, ok = res.get("WashHostile/*/skans", "ns/op")
	require.True(t, ok)
	require.Equal(t, 3e6, v, "the slowest of those that match")
	_, ok = res.get("Nothing", "ns/op")
	require.False(t, ok)

	_, err = parse(strings.NewReader("PASS\n"))
	require.Error(t, err)
	_, err = parse(strings.NewReader("BenchmarkX-2 1 many ns/op\n"))
	require.Error(t, err)
}

func TestRun(t *testing.T) {
	var out bytes.Buffer
	require.Error(t, run(strings.NewReader(output), &out), "most promises have no figure")
	require.Contains(t, out.String(), "| MAC of 64 bytes, time beside crypto/hmac | 0.7x | at most 1.3x | met |")
	require.Contains(t, out.String(), "| live request, allocations | 11 allocations | at most 10 allocations | **missed** |")
	require.Contains(t, out.String(), "| 1 MB of hostile markup, slowest kind | 3 ms | at most 500 ms | met |")
	require.Contains(t, out.String(), "| live request, time beside scs with IdleTimeout | not measured | at most 0.1x | |")
	require.Contains(t, out.String(), "| MAC/vs-hmac | 0.7 ratio |")
	require.Contains(t, out.String(), "| Session/skans | 4,407 ns/op, 1,329 B/op, 11 allocs/op")
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name  string
		p     promise
		value float64
		want  string
	}{
		{"at the most", promise{most: 2}, 2, "met"},
		{"above the most", promise{most: 2}, 2.01, "**missed**"},
		{"at the least", promise{least: 2}, 2, "met"},
		{"below the least", promise{least: 2}, 1.99, "**missed**"},
		{"none", promise{zero: true}, 0, "met"},
		{"some", promise{zero: true}, 1, "**missed**"},
		{"no aim", promise{}, 5, ""},
	} {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, tt.p.verdict(tt.value)) })
	}
	require.Equal(t, "1/2,000", promise{unit: times}.show(0.0005))
}
