package audit

import (
	"context"
	"errors"
	"fmt"
)

const cursorDir = "cursors"

// A Shipper brings events to a separate log server.
type Shipper interface {
	// Name names the destination among those of one log, as a class is named. Its cursor is kept under that name.
	Name() string
	// Ship delivers events in order and returns nil only when they are safe at the other end. After an error, and after
	// a crash, the same events come again; [Event.ID] tells. It must end when ctx does.
	Ship(ctx context.Context, events []Event, witness Witness) error
}

func checkShippers(list []Shipper) error {
	seen := map[string]bool{}
	for _, s := range list {
		switch {
		case s == nil:
			return errors.New("audit: Config.Ship holds a nil Shipper")
		case !validName(s.Name()):
			return fmt.Errorf("audit: shipper name %q is not lower-case letters, digits, dots and hyphens", s.Name())
		case seen[s.Name()]:
			return fmt.Errorf("audit: two shippers are named %q", s.Name())
		}
		seen[s.Name()] = true
	}
	return nil
}
