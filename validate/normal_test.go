package validate_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"

	"github.com/skans-go/skans/validate"
)

// Every character there is, alone and between others, comes out as golang.org/x/text writes it.
func TestNFCOfEveryCharacter(t *testing.T) {
	for r := rune(0); r <= 0x10FFFF; r++ {
		if r >= 0xD800 && r <= 0xDFFF {
			continue
		}
		for _, s := range []string{string(r), "e" + string(r) + "\u0301", string(r) + "\u0323\u0307"} {
			got, ok := validate.Normalise(s)
			if want := norm.NFC.String(s); !ok || got != want {
				t.Fatalf("%+q: %+q, not %+q", s, got, want)
			}
		}
	}
}

// Clusters of what joins: marks of many classes in any order, the parts of Hangul, vowel signs, what decomposes and what never
// composes again.
func TestNFCOfClusters(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	var joining []rune
	for r := rune(0); r < 0x30000; r++ {
		p := norm.NFC.PropertiesString(string(r))
		if p.Decomposition() != nil || p.CCC() != 0 || !p.BoundaryBefore() {
			joining = append(joining, r)
		}
	}
	letters := []rune("aeiouAΩαыक가각각葛か\u09C7\u0DD9\u1025\u0CC6")
	for range 300_000 {
		var s []rune
		for range 1 + random.IntN(9) {
			if random.IntN(3) == 0 {
				s = append(s, letters[random.IntN(len(letters))])
			} else {
				s = append(s, joining[random.IntN(len(joining))])
			}
		}
		got, ok := validate.Normalise(string(s))
		if want := norm.NFC.String(string(s)); !ok || got != want {
			t.Fatalf("%+q: %+q, not %+q", string(s), got, want)
		}
	}
}

func TestEndlessMarksAreRefused(t *testing.T) {
	for _, s := range []string{"a", "", "é", "각"} {
		marks := []rune(s)
		for range 40 {
			marks = append(marks, 0x301, 0x316)
		}
		_, ok := validate.Normalise(string(marks))
		require.False(t, ok)
	}
}

// FuzzNFC: the same as golang.org/x/text for what the classes let through, and the same again when applied again.
func FuzzNFC(f *testing.F) {
	for _, s := range []string{"", "a\u0301", "a\u0316\u0301", "각\u11ab", "\u0958", "\u1fef", "e\u0302\u0301\u0323", "\u0344", "\u0f73", "\xff\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := validate.Normalise(s)
		if !ok || !norm.NFC.IsNormalString(got) {
			require.False(t, ok && validate.Clean(got), "%+q", got)
			return
		}
		again, ok := validate.Normalise(got)
		require.True(t, ok)
		require.Equal(t, got, again)
	})
}
