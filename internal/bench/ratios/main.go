// Command ratios reads the output of go test -bench from its standard input and prints, as Markdown, what this library
// promises about speed, what was measured, and whether that is met; and then every figure of the run:
//
//	go test -run '^$' -bench . -benchtime 300ms -count 3 . | go run ./ratios
//
// Of several runs of one benchmark it takes the median. It fails if a promise has no figure, not if one is missed.
package main

import (
	"fmt"
	"io"
	"os"
)

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "ratios:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	res, err := parse(in)
	if err != nil {
		return err
	}
	missing := 0
	var topic string
	for _, p := range promises {
		if p.topic != topic {
			topic = p.topic
			fmt.Fprintf(out, "\n### %s\n\n| what | measured | aim | |\n|---|---|---|---|\n", topic)
		}
		value, ok := p.figure(res)
		if !ok {
			missing++
			fmt.Fprintf(out, "| %s | not measured | %s | |\n", p.what, p.aim())
			continue
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s |\n", p.what, p.show(value), p.aim(), p.verdict(value))
	}
	fmt.Fprintf(out, "\n### Every figure of the run\n\n%s\n\n| benchmark | figures |\n|---|---|\n", res.machine)
	for _, name := range res.names {
		fmt.Fprintf(out, "| %s | %s |\n", name, res.line(name))
	}
	if missing > 0 {
		return fmt.Errorf("%d promises without a figure; run all benchmarks", missing)
	}
	return nil
}
