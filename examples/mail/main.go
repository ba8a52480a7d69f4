// Command mail is a secure shared mailbox: customers write e-mail, editors answer in the browser, administrators look
// after members and can prove what happened. It uses every package of skans in its natural place; security.go wires
// them all and policy.go says who may do what.
//
//	go run ./examples/mail -demo
//
// keeps everything in ./maildata and prints where to go. Outgoing mail becomes files there, until -relay names a
// mail server. "mail audit verify" proves the log of a data folder, and "mail audit export" writes it out.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/mail"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "mail:", err)
		os.Exit(1)
	}
}

const defaultFrom = "noreply@localhost"

// options are what the command line says.
type options struct {
	http, smtp string // addresses to listen on
	data       string // folder
	relay      string // where outgoing mail goes; empty: into files
	from       string // of the program's own letters
	demo       bool
}

func parseOptions(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("mail", flag.ContinueOnError)
	flags.StringVar(&o.http, "http", "localhost:8443", "address for HTTPS")
	flags.StringVar(&o.smtp, "smtp", "127.0.0.1:2525", "address for SMTP")
	flags.StringVar(&o.data, "data", "maildata", "folder for everything that is kept")
	flags.StringVar(&o.relay, "relay", "", "mail server host:port that outgoing mail is given to, over TLS; without it, mail becomes files in the data folder")
	flags.StringVar(&o.from, "from", defaultFrom, "address that the program's own letters come from")
	flags.BoolVar(&o.demo, "demo", false, "fill an empty mailbox with people and letters to look at")
	flags.SetOutput(io.Discard) // the error is one line, and main's to print
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(os.Stdout)
			flags.Usage()
		}
		return o, err
	}
	if flags.NArg() > 0 {
		return o, errors.New("there are flags only; see -help")
	}
	if address, err := mail.ParseAddress(o.from); err != nil || address.Address != o.from {
		return o, errors.New("-from is not a bare e-mail address")
	}
	return o, nil
}

// run starts the mailbox and serves until ctx ends.
func run(ctx context.Context, args []string, out io.Writer) (err error) {
	if len(args) > 0 && args[0] == "audit" {
		return auditCommand(ctx, args[1:], out)
	}
	o, err := parseOptions(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	a, err := open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.close()) }()
	if o.demo {
		if err := a.seedDemo(ctx); err != nil {
			return fmt.Errorf("demo: %w", err)
		}
	}
	fmt.Fprintf(out, "Mailbox  %s  (the certificate is self-signed: the browser asks once)\nSMTP     %s\nData     %s\n", a.base, a.smtpAddr(), o.data)
	if err := a.printActivations(ctx, out); err != nil {
		return err
	}
	return a.serve(ctx)
}
