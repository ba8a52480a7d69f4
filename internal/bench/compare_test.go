package bench

import (
	"slices"
	"testing"
	"time"
)

// A side is one of those that do the same work.
type side struct {
	name string
	do   func()
}

// beside measures every side by itself, and then ours in turns with each peer.
func beside(b *testing.B, ours side, peers ...side) {
	b.Helper()
	for _, s := range append([]side{ours}, peers...) {
		b.Run(s.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.do()
			}
		})
	}
	for _, p := range peers {
		b.Run("vs-"+p.name, func(b *testing.B) { inTurns(b, ours.do, p.do) })
	}
}

const (
	turn     = 300 * time.Microsecond // how long one side runs before the other does
	minTurns = 5
	turns    = 31
	patience = 2 * time.Second // with few turns, for work that takes long
)

// inTurns reports the median of the ratios of neighbouring turns, ours over theirs. Every other pair begins with theirs,
// so that a machine which grows slower or faster favours nobody.
func inTurns(b *testing.B, ours, theirs func()) {
	b.Helper()
	b.ReportAllocs()
	nOurs, nTheirs := calls(ours), calls(theirs)
	var ratios []float64
	pair := func() {
		var a, c float64
		if len(ratios)%2 == 0 {
			a, c = each(nOurs, ours), each(nTheirs, theirs)
		} else {
			c, a = each(nTheirs, theirs), each(nOurs, ours)
		}
		ratios = append(ratios, a/c)
	}
	start := time.Now()
	for b.Loop() {
		pair()
	}
	for len(ratios) < minTurns || len(ratios) < turns && time.Since(start) < patience {
		pair()
	}
	b.ReportMetric(median(ratios), "ratio")
	b.ReportMetric(0, "ns/op") // of a pair of turns, which says nothing
}

// calls returns how many calls fill a turn.
func calls(do func()) int {
	for n := 1; ; n *= 2 {
		if spent := each(n, do) * float64(n); spent >= float64(turn) {
			return max(1, int(float64(n)*float64(turn)/spent))
		}
	}
}

// each returns the nanoseconds that one of n calls took.
func each(n int, do func()) float64 {
	start := time.Now()
	for range n {
		do()
	}
	return float64(time.Since(start).Nanoseconds()) / float64(n)
}

func median(values []float64) float64 {
	values = slices.Clone(values)
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// percentile returns the value that the given part of values does not exceed.
func percentile(values []time.Duration, part float64) time.Duration {
	slices.Sort(values)
	return values[int(float64(len(values)-1)*part)]
}
