package main

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
)

// errTampered ends "audit verify" with status 1.
var errTampered = errors.New("the log is not what was written")

const auditUsage = `usage: mail audit verify [-data DIR] [-witness TEXT]   proves the log, or names the first bad record
       mail audit export [-data DIR] [-format ndjson|ocsf|cef] [-user ID] [-event NAME]`

// auditCommand verifies or exports the log of a data folder, also while the mailbox is running.
func auditCommand(ctx context.Context, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New(auditUsage)
	}
	flags := flag.NewFlagSet("audit", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	data := flags.String("data", "maildata", "")
	witness := flags.String("witness", "", "")
	format := flags.String("format", "ndjson", "")
	user := flags.String("user", "", "")
	event := flags.String("event", "", "")
	if err := flags.Parse(args[1:]); err != nil || flags.NArg() > 0 {
		return errors.New(auditUsage)
	}
	dir := os.DirFS(filepath.Join(*data, "audit"))
	switch args[0] {
	case "verify":
		return verifyCommand(ctx, *data, *witness, out)
	case "export":
		chosen, ok := auditFormats[*format]
		if !ok {
			return errors.New(auditUsage)
		}
		return audit.Write(out, audit.Query(ctx, audit.Filter{User: *user, Event: *event}, nil, dir), chosen.format)
	}
	return errors.New(auditUsage)
}

func verifyCommand(ctx context.Context, data, kept string, out io.Writer) error {
	keys, err := skans.OpenKeyringFile(filepath.Join(data, "keys"))
	if err != nil {
		return err
	}
	trust := audit.Trust{Keys: audit.PublicKeys(keys)}
	if kept != "" {
		if trust.AtLeast, err = audit.ParseWitness(kept); err != nil {
			return err
		}
	}
	dir := os.DirFS(filepath.Join(data, "audit"))
	report, err := audit.Verify(ctx, dir, trust)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, report)
	if !report.OK() {
		return errTampered
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(data, "mail.db")+"?mode=ro")
	if err != nil {
		return err
	}
	defer db.Close()
	history := audit.HistoryReport{}
	for range 2 { // while the mailbox runs, a batch sealed between the two readings looks missing once
		history, err = audit.VerifyHistory(ctx, db, audit.SQLite, audit.Query(ctx, audit.Filter{Event: "history"}, nil, dir))
		if err != nil {
			return err
		}
		if history.OK() {
			break
		}
	}
	if !history.OK() {
		fmt.Fprintf(out, "field history, batch %d: %s\n", history.FirstBad, history.Problem)
		return errTampered
	}
	fmt.Fprintf(out, "field history: %d rows as they were, %d not sealed yet\n", history.Rows, history.Unsealed)
	fmt.Fprintf(out, "keep this witness elsewhere: %s\n", report.Witness)
	return nil
}
