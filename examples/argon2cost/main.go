// Command argon2cost measures what the parameters of password hashes cost on this machine and recommends the dearest that
// a sign-in may take.
//
//	go run ./examples/argon2cost -aim 250ms -memory 256
//
// Run it on the kind of machine that will serve, while it is as busy as it will be.
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/skans-go/skans/password"
)

// candidates are the parameters that are tried: those that OWASP's cheat sheet and RFC 9106, section 4, name, and between
// them and above them steps of memory and passes.
var candidates = []password.Params{
	password.OWASP, password.OWASPOnePass, password.RFC9106,
	"m=19456,t=3,p=1", "m=19456,t=4,p=1", "m=47104,t=2,p=1", "m=47104,t=3,p=1", "m=65536,t=2,p=1", "m=65536,t=3,p=1",
	"m=98304,t=2,p=1", "m=98304,t=3,p=1", "m=131072,t=2,p=1", "m=131072,t=3,p=1", "m=262144,t=2,p=1", "m=262144,t=3,p=1",
}

func main() {
	if err := run(os.Args[1:], os.Stdout, password.Params.Measure); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "argon2cost:", err)
		os.Exit(1)
	}
}

// A result is what one set of parameters costs.
type result struct {
	params password.Params
	kib    int
	work   int           // memory times passes: what an attacker pays for a guess
	took   time.Duration // the middle one of the runs
	fits   bool
}

func run(args []string, out io.Writer, measure func(password.Params) (time.Duration, error)) error {
	flags := flag.NewFlagSet("argon2cost", flag.ContinueOnError)
	flags.SetOutput(out)
	aim := flags.Duration("aim", 250*time.Millisecond, "how long one hash may take")
	memory := flags.Int("memory", 128, "MiB that one hash may take")
	runs := flags.Int("runs", 5, "measurements of each set of parameters, 1 to 100")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() > 0 || *aim <= 0 || *memory < 1 || *runs < 1 || *runs > 100 {
		return errors.New("aim, memory and runs are above 0, runs at most 100, and there are flags only; see -help")
	}
	results, err := measureAll(*aim, *memory<<10, *runs, measure)
	if err != nil {
		return err
	}
	return report(out, results, *aim, *memory)
}

// measureAll measures what fits into the memory, and returns it with what costs an attacker least first.
func measureAll(aim time.Duration, kib, runs int, measure func(password.Params) (time.Duration, error)) ([]result, error) {
	var results []result
	for _, params := range candidates {
		r := result{params: params}
		var passes, lanes int
		if _, err := fmt.Sscanf(string(params), "m=%d,t=%d,p=%d", &r.kib, &passes, &lanes); err != nil {
			return nil, err
		}
		r.work = r.kib * passes
		if r.kib > kib {
			continue
		}
		took := make([]time.Duration, 0, runs)
		for range runs {
			d, err := measure(params)
			if err != nil {
				return nil, err
			}
			took = append(took, d)
			if d > 8*aim { // no further run makes it fit
				break
			}
		}
		slices.Sort(took)
		r.took = took[len(took)/2]
		r.fits = r.took <= aim
		results = append(results, r)
	}
	slices.SortStableFunc(results, func(a, b result) int { return cmp.Compare(a.work, b.work) })
	return results, nil
}

func report(out io.Writer, results []result, aim time.Duration, memory int) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "PARAMETERS\tMEMORY\tONE HASH\tHASHES/S ON ONE CORE\t")
	best := -1
	for i, r := range results {
		if r.fits {
			best = i
		}
		note := ""
		if !r.fits {
			note = "over the aim"
		}
		fmt.Fprintf(table, "%s\t%d MiB\t%s\t%.1f\t%s\n", r.params, r.kib>>10, r.took.Round(time.Millisecond), float64(time.Second)/float64(max(r.took, 1)), note)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if best < 0 {
		_, err := fmt.Fprintf(out, "\nNothing fits %s and %d MiB. Use %s all the same, which is the least that is accepted, and let sign-ins take longer.\n",
			aim, memory, password.OWASP)
		return err
	}
	_, err := fmt.Fprintf(out, "\nRecommended:  password.Config{Params: %q}\n"+
		"It is the dearest for an attacker that fits %s and %d MiB. Config.MaxMemory bounds what all hashes take\n"+
		"together (default 128 MiB, or two of these if that is more); the others wait for their turn.\n", results[best].params, aim, memory)
	return err
}
