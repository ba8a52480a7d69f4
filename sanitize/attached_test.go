package sanitize_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize"
)

// One attached picture that a letter shows ten thousand times does not become ten thousand pictures in memory.
func TestAttachedPicturesAreBoundedTogether(t *testing.T) {
	picture := "data:image/png;base64," + strings.Repeat("A", 1<<20)
	asked := 0
	washer := sanitize.NewMail(sanitize.Mail{CID: func(id string) (string, bool) {
		asked++
		return picture, id == "house"
	}})
	h, report, err := washer.Wash(strings.Repeat(`<img src="cid:house">`, 10_000))
	require.NoError(t, err)
	require.Equal(t, 1, asked)
	require.LessOrEqual(t, len(h.String()), 17<<20)
	require.GreaterOrEqual(t, strings.Count(h.String(), picture), 10, "an honest letter's pictures are all there")
	require.GreaterOrEqual(t, report.Removed, 9_900)
}
