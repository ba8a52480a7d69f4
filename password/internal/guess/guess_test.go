package guess_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password/internal/guess"
)

// Heads of the lists that went around (SplashData, NCSC, NordPass, year after year).
var heads = strings.Fields(`password 123456789 qwerty iloveyou princess sunshine football monkey dragon baseball letmein superman
	trustno1 welcome shadow master michael jordan charlie liverpool chelsea arsenal batman starwars computer whatever
	passw0rd zaq12wsx qazwsx asdfghjkl qwertyuiop 1q2w3e4r 1qaz2wsx admin123 hello123 abc123 lösenord sommar passord salasana`)

func TestListsAndWhatPeopleMakeOfThem(t *testing.T) {
	for _, word := range heads {
		require.True(t, guess.Common(word), word)
		require.True(t, guess.Common(strings.ToUpper(word)), "capitals of %s", word)
		require.True(t, guess.Common(word+word), "%s twice", word)
		if strings.Trim(word, "0123456789") == "" {
			continue
		}
		for _, made := range []string{word + "2026!!", "!!" + word + "1985", word + "!", "123" + word + "123", word + "-2026", word + "12345678"} {
			require.True(t, guess.Common(made), made)
		}
	}
}

func TestCommon(t *testing.T) {
	for _, c := range []string{
		"Summer2026!!", "P@ssw0rd12345", "qwertyuiop123", "drowssap2026!", "$ummer2026!!!", "p.a.s.s.w.o.r.d.1", "pass word 12345",
		"h3ll02026!!!!", "1qaz2wsx3edc", "zxcvbnm,./123", "aaaaaaaaaaaa", "abababababab", "abcdefghijkl", "zyxwvutsrqpo", "12345678901a",
		"Sommar2026!!", "Lösenord2026!", "LÖSENORD-2026", "Ifkgöteborg04", "Midsommar2026", "Hösten 2025!!", "azertyuiop12", "qwertyqwerty1",
		"Password1Password1", strings.Repeat("password", 20), strings.Repeat("x", 1000),
	} {
		require.True(t, guess.Common(c), c)
	}
	for _, c := range []string{
		"correct horse battery staple", "correcthorsebatterystaple", "kaffe lykta moln sten", "tree lamp river cloud", "xK9#mQ2$vL7p",
		"monkey83749201847", "oxygen-lantern-7", "katten sover gott", "trombone stairs mustard", "7f3a9b1c4d2e", "пароль у моря зимой",
		"snow on the 9th bridge", "vi åt glass i Sollefteå", "", "a",
	} {
		require.False(t, guess.Common(c), c)
	}
}

// Random strings and phrases must hardly ever be taken for common ones.
func TestFalseAlarms(t *testing.T) {
	words := strings.Fields("lampa moln cykel stege gräs fönster bulle spade kanot måne tavla skruv hatt borste vante kvist")
	alarms, n := 0, 0
	for i, a := range words {
		for j, b := range words {
			for k, c := range words {
				if i == j || j == k || i == k {
					continue
				}
				n++
				if guess.Common(a+" "+b+" "+c) || guess.Common(a+b+c) {
					alarms++
				}
			}
		}
	}
	require.Greater(t, n, 3000)
	require.LessOrEqual(t, alarms, 3)
}

func TestDigits(t *testing.T) {
	for password, want := range map[string]bool{
		"198507121234": true, "1985-07-12 1234": true, "070-123 45 67 8": true, "83749201847561029384": false, "1234567890a": false, "": true,
	} {
		require.Equal(t, want, guess.Digits(password), password)
	}
}

func TestFold(t *testing.T) {
	for in, want := range map[string]string{
		"Sommär": "sommar", "SØREN": "soren", "Æblegrød": "aeblegrod", "Straße": "strasse", "ｗｉｄｅ": "wide", "Ολυμπία": "ολυμπια", "ﬁn": "fin",
	} {
		require.Equal(t, want, guess.Fold(in))
	}
}

func FuzzGuess(f *testing.F) {
	for _, seed := range []string{"Summer2026!!", "", "1", "!!!!", "å", "\xff\xfe", "paSSword1!1!1!", strings.Repeat("ab", 300), "0a0a0a0a", "p@$$w0rd|(+"} {
		f.Add(seed, "Anna Lind")
	}
	f.Fuzz(func(t *testing.T, password, word string) {
		folded := guess.Fold(password)
		require.Equal(t, folded, guess.Fold(folded), "folding once is enough")
		require.Equal(t, guess.Common(password), guess.Common(folded), "case and accents do not matter")
		guess.Digits(password)
		if len(guess.Fold(word)) < 100 && len(strings.Fields(word)) == 1 && strings.IndexFunc(word, func(r rune) bool { return r < 'a' || r > 'z' }) < 0 && len(word) >= 3 {
			require.True(t, guess.Similar(word, []string{word}), "a word is similar to itself")
		}
	})
}

func BenchmarkCommon(b *testing.B) {
	for name, password := range map[string]string{
		"decorated": "Summer2026!!", "phrase": "correct horse battery staple", "random": "Zx8#kQ2$vL7p", "accents": "Sömmar-långa ord 2026",
		"long": "correct horse battery staple with a longer tail of words in it 2026",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				guess.Common(password)
			}
		})
	}
}

// The filter is built from at least 50,000 entries, takes at most 250 KB, and takes few strangers for its own.
func TestFilterSize(t *testing.T) {
	info, err := os.Stat("filter.bin")
	require.NoError(t, err)
	require.LessOrEqual(t, info.Size(), int64(250_000))
	require.GreaterOrEqual(t, guess.Entries, 50_000)

	random := rand.New(rand.NewPCG(1, 2))
	alarms := 0
	for range 200_000 {
		b := make([]byte, 14)
		for i := range b {
			b[i] = "abcdefghijklmnopqrstuvwxyz0123456789!@$"[random.IntN(39)]
		}
		if guess.Common(string(b)) {
			alarms++
		}
	}
	require.LessOrEqual(t, alarms, 40, "two in ten thousand")
	t.Logf("%d false alarms in 200,000", alarms)
}
