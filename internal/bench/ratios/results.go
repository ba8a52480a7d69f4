package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A results is what a run of benchmarks printed.
type results struct {
	machine string
	names   []string                        // in the order of the run
	values  map[string]map[string][]float64 // by name and unit, one for each run
}

// processors is the suffix that the testing package adds to a name: "-2".
var processors = regexp.MustCompile(`-\d+$`)

func parse(in io.Reader) (results, error) {
	res := results{values: map[string]map[string][]float64{}}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		line := lines.Text()
		for _, key := range []string{"goos: ", "goarch: ", "cpu: "} {
			if value, ok := strings.CutPrefix(line, key); ok && !strings.Contains(res.machine, value) {
				res.machine = strings.TrimPrefix(res.machine+", "+value, ", ")
			}
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name := processors.ReplaceAllString(strings.TrimPrefix(fields[0], "Benchmark"), "")
		if res.values[name] == nil {
			res.values[name] = map[string][]float64{}
			res.names = append(res.names, name)
		}
		for i := 2; i+1 < len(fields); i += 2 {
			value, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return res, fmt.Errorf("%s: %w", name, err)
			}
			res.values[name][fields[i+1]] = append(res.values[name][fields[i+1]], value)
		}
	}
	if len(res.names) == 0 {
		return res, errors.Join(errors.New("no benchmark in the input"), lines.Err())
	}
	return res, lines.Err()
}

// get returns the median of the runs; of several benchmarks that match the pattern, the largest.
func (r results) get(pattern, unit string) (value float64, ok bool) {
	for _, name := range r.names {
		runs := r.values[name][unit]
		if match, err := path.Match(pattern, name); err != nil || !match || len(runs) == 0 {
			continue
		}
		m := median(runs)
		if !ok || m > value {
			value = m
		}
		ok = true
	}
	return value, ok
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// units in the order in which a line shows them; others follow by name.
var units = []string{"ratio", "ns/op", "B/op", "allocs/op", "MB/s"}

// line returns all figures of a benchmark. Bytes and allocations of two sides in turns mean nothing and are left out.
func (r results) line(name string) string {
	inTurns := len(r.values[name]["ratio"]) > 0
	var known, other []string
	for _, unit := range units {
		if value, ok := r.get(name, unit); ok && (!inTurns || unit == "ratio") {
			known = append(known, number(value)+" "+unit)
		}
	}
	for unit := range r.values[name] {
		if !slices.Contains(units, unit) {
			value, _ := r.get(name, unit)
			other = append(other, number(value)+" "+unit)
		}
	}
	slices.Sort(other)
	return strings.Join(append(known, other...), ", ")
}

// number writes three digits that count, and groups thousands.
func number(v float64) string {
	if v < 1000 {
		return strconv.FormatFloat(v, 'g', 3, 64)
	}
	text := strconv.FormatFloat(v, 'f', 0, 64)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
