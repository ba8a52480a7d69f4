package audit_test

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"os"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "audit")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	keys, err := skans.NewKeyring(skans.GenerateKey("2026a"))
	if err != nil {
		log.Fatal(err)
	}

	events, err := audit.Open(ctx, audit.Config{Dir: dir, Keys: keys, Server: "mail-1", Version: "1.0"})
	if err != nil {
		log.Fatal(err)
	}
	ctx = audit.WithActor(ctx, audit.Actor{User: "anna", Session: "s1"})
	if err := events.Record(ctx, "session.login", slog.String("user", "anna")); err != nil {
		log.Fatal(err) // not recorded: not logged in
	}
	for e, err := range events.Query(ctx, audit.Filter{User: "anna"}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(e.Class, e.Name, e.Actor.User, e.Attrs)
	}
	if err := events.Close(); err != nil {
		log.Fatal(err)
	}

	// Elsewhere, with the public keys and the witness that were kept there.
	trust := audit.Trust{Keys: events.PublicKeys(), AtLeast: events.Witness()}
	report, err := audit.Verify(ctx, os.DirFS(dir), trust)
	fmt.Println(report, err)

	// Somebody cuts the log short.
	segment := dir + "/session/00000000000000000001.seg"
	if err := os.Truncate(segment, 100); err != nil {
		log.Fatal(err)
	}
	report, err = audit.Verify(ctx, os.DirFS(dir), trust)
	fmt.Println(report, err)
	// Output:
	// session session.login anna [user=anna]
	// ok: 2 events, 0 expired, 2 records <nil>
	// tampered: session 2: the frame is damaged <nil>
}

func ExampleMustTable() {
	type contact struct {
		ID    int64  `db:"id" audit:"key"`
		Owner string `db:"owner" audit:"subject"`
		Email string `db:"email" audit:"track"`
		PIN   string `db:"pin" audit:"mac"`
		Note  string `db:"note"`
	}
	fmt.Print(audit.MustTable[contact]("contacts").Describe())
	// Output:
	// contacts.id key
	// contacts.owner subject
	// contacts.email track
	// contacts.pin mac
	// contacts.note never
}
