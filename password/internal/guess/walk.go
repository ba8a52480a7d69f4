package guess

import "bytes"

// keyboards are rows of keys as hands walk over them: QWERTY and AZERTY, across, and QWERTY from top to bottom.
var keyboards = []string{
	"1234567890-=", "!@#$%^&*()_+", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "azertyuiop", "qsdfghjklm", "wxcvbn",
	"1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/",
}

// beside holds, for each key, the keys next to it in a row or column.
var beside = func() (next [128][128]bool) {
	for _, row := range keyboards {
		for i := 1; i < len(row); i++ {
			next[row[i-1]][row[i]] = true
			next[row[i]][row[i-1]] = true
		}
	}
	return next
}()

// step reports whether b follows from a without a thought: the same key, the next letter or digit either way, or a
// key beside it.
func step(a, b byte) bool {
	if a >= 128 || b >= 128 {
		return a == b
	}
	alphabetic := letter(a) && letter(b) || digit(a) && digit(b)
	return a == b || alphabetic && (b == a+1 || a == b+1) || beside[a][b]
}

// runs counts the stretches of b in which each byte follows from the one before: a measure of how many choices went
// into it.
func runs(b []byte) int {
	n := 0
	for i := range b {
		if i == 0 || !step(b[i-1], b[i]) {
			n++
		}
	}
	return n
}

// walked reports whether b is made of stretches of four and more on average: "qwertyuiop123", "1qaz2wsx3edc",
// "aaaabbbbcccc".
func walked(b []byte) bool { return len(b) > 0 && runs(b)*4 <= len(b) }

// period returns the shortest beginning of b that, repeated, makes up all of it, or b itself.
func period(b []byte) []byte {
	for n := 1; n <= len(b)/2; n++ {
		if len(b)%n == 0 && bytes.HasPrefix(b, b[n:]) {
			return b[:n]
		}
	}
	return b
}
