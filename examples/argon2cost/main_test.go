package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password"
)

// machine takes a millisecond for each MiB and pass.
func machine(p password.Params) (time.Duration, error) {
	var kib, passes, lanes int
	_, err := fmt.Sscanf(string(p), "m=%d,t=%d,p=%d", &kib, &passes, &lanes)
	return time.Duration(kib>>10*passes) * time.Millisecond, err
}

func TestRecommendation(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"what fits the time":   {[]string{"-aim", "100ms"}, `"m=47104,t=2,p=1"`},
		"and the memory":       {[]string{"-aim", "100ms", "-memory", "20"}, `"m=19456,t=4,p=1"`},
		"more where there is":  {[]string{"-aim", "1s", "-memory", "300"}, `"m=262144,t=3,p=1"`},
		"a machine too slow":   {[]string{"-aim", "1ms"}, "Nothing fits"},
		"a machine too small":  {[]string{"-memory", "4"}, "Nothing fits"},
		"one run is enough":    {[]string{"-aim", "40ms", "-runs", "1"}, `"m=19456,t=2,p=1"`},
		"never below the base": {[]string{"-aim", "38ms"}, `"m=19456,t=2,p=1"`},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			require.NoError(t, run(test.args, &out, machine))
			require.Contains(t, out.String(), test.want)
		})
	}
}

func TestWhatItTriesIsAccepted(t *testing.T) {
	for _, params := range candidates {
		_, err := password.New(password.Config{Params: params, MaxMemory: 1 << 30})
		require.NoError(t, err, params)
	}
}

func TestRefusals(t *testing.T) {
	var out bytes.Buffer
	for _, args := range [][]string{{"-aim", "0s"}, {"-memory", "0"}, {"-runs", "0"}, {"-runs", "1000"}, {"surplus"}, {"-nosuch"}} {
		require.Error(t, run(args, &out, machine), "%v", args)
	}
	require.ErrorIs(t, run([]string{"-help"}, &out, machine), flag.ErrHelp)
	broken := errors.New("broken")
	require.ErrorIs(t, run(nil, &out, func(password.Params) (time.Duration, error) { return 0, broken }), broken)
}
