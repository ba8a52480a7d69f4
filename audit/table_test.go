package audit_test

import (
	"testing"

	"github.com/skans-go/skans"
	"github.com/skans-go/skans/audit"
	"github.com/stretchr/testify/require"
)

type embedded struct {
	Email string `db:"email" audit:"track"`
}

func TestBadTables(t *testing.T) {
	tests := map[string]struct {
		compile func() error
		says    string
	}{
		"not a struct":   {func() error { _, err := audit.NewTable[int]("t"); return err }, "not a struct"},
		"bad table name": {func() error { _, err := audit.NewTable[struct{}]("t; DROP"); return err }, "table name"},
		"no key": {func() error {
			_, err := audit.NewTable[struct {
				A string `db:"a" audit:"track"`
			}]("t")
			return err
		}, "no field"},
		"two keys": {func() error {
			_, err := audit.NewTable[struct {
				A string `db:"a" audit:"key"`
				B string `db:"b" audit:"key"`
			}]("t")
			return err
		}, "used twice"},
		"unknown tag": {func() error {
			_, err := audit.NewTable[struct {
				A string `db:"a" audit:"tracked"`
			}]("t")
			return err
		}, "unknown"},
		"audit without db": {func() error {
			_, err := audit.NewTable[struct {
				A string `audit:"key"`
			}]("t")
			return err
		}, "no db tag"},
		"column twice": {func() error {
			_, err := audit.NewTable[struct {
				A string `db:"a" audit:"key"`
				B string `db:"a"`
			}]("t")
			return err
		}, "named twice"},
		"column that is SQL": {func() error {
			_, err := audit.NewTable[struct {
				A string `db:"a = 1 --" audit:"key"`
			}]("t")
			return err
		}, "lower-case"},
		"a secret in clear": {func() error {
			_, err := audit.NewTable[struct {
				A string       `db:"a" audit:"key"`
				S skans.Secret `db:"s" audit:"track"`
			}]("t")
			return err
		}, "Secret"},
		"embedded pointer": {func() error {
			_, err := audit.NewTable[struct {
				A string `db:"a" audit:"key"`
				*embedded
			}]("t")
			return err
		}, "pointer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, tt.compile(), tt.says) })
	}
	require.Panics(t, func() { audit.MustTable[int]("t") })
	type good struct {
		A string `db:"a" audit:"key"`
		embedded
		Other chan int // no column
	}
	require.Equal(t, "s.t.a key\ns.t.email track\n", audit.MustTable[good]("s.t").Describe())
	_, err := audit.MustTable[good]("t").Open(nil, audit.SQLite)
	require.Error(t, err)
	_, err = audit.MustTable[good]("t").Open(openLog(t, audit.Config{Dir: t.TempDir(), Keys: newKeys(t)}), audit.Dialect{})
	require.Error(t, err)
}
