package password_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/password"
)

var anna = password.About{Username: "annalind", Email: "anna.lind@kommunen.example", Names: []string{"Anna Lind", "Björklövens Bygg AB"}, Service: "MailExample"}

func codes(problems []password.Problem) []string {
	var all []string
	for _, p := range problems {
		all = append(all, p.Code)
	}
	return all
}

func TestDefaultPolicy(t *testing.T) {
	for _, c := range []struct {
		candidate string
		codes     []string
	}{
		{"Summer2026!!", []string{password.CodeCommon}},
		{"P@ssw0rd12345", []string{password.CodeCommon}},
		{"qwertyuiop123", []string{password.CodeCommon}},
		{"Mailexample2026!!", []string{password.CodeSimilar}}, // ASVS 5.0, 6.2.11
		{"M4ilEx4mple-99", []string{password.CodeSimilar}},
		{"annalind12345", []string{password.CodeSimilar}},
		{"dnilanna12345", []string{password.CodeSimilar}},
		{"anna.lind@kommunen.example", []string{password.CodeSimilar}},
		{"Björklöven 26", []string{password.CodeSimilar}},
		{"bjorklovensbygg", []string{password.CodeSimilar}},
		{strings.Repeat("annalind", 30), []string{password.CodeSimilar}},
		{"kort!", []string{password.CodeTooShort}},
		{"elevenchars", []string{password.CodeTooShort}},
		{"password", []string{password.CodeTooShort, password.CodeCommon}},
		{"", []string{password.CodeTooShort, password.CodeOnlyDigits}},
		{"198507121234", []string{password.CodeOnlyDigits}},
		{"1985-07-12 1234", []string{password.CodeOnlyDigits}},
		{strings.Repeat("a", 1025), []string{password.CodeTooLong}},
		{"not utf-8 \xff\xff\xff", []string{password.CodeEncoding}},

		{"correct horse battery staple", nil},
		{"correcthorsebatterystaple", nil},
		{"kaffe lykta moln sten", nil},
		{"Anna minns 7 gröna cyklar", nil},
		{"mail pigeons at noon", nil},
		{"the annals of lindgren", nil},
		{"xK9#mQ2$vL7p", nil},
		{"83749201847561029384", nil}, // 20 random digits (ASVS 5.0, 6.2.5)
		{"😀🐴🔋📎🌧🦉🍋🧭🛶🎻🪵🧊", nil},
		{"  spaces around it  ", nil},
		{strings.Repeat("lång mening utan slut ", 40), nil},
	} {
		t.Run(c.candidate[:min(len(c.candidate), 30)], func(t *testing.T) {
			problems := password.DefaultPolicy().Check(c.candidate, anna)
			require.Equal(t, c.codes, codes(problems))
			for _, p := range problems {
				require.NotEmpty(t, p.Message)
				if len(c.candidate) > 8 {
					require.NotContains(t, p.Message, c.candidate)
				}
			}
		})
	}
}

// NIST SP 800-63B-4, 3.1.1.2: 15 characters for a single factor, 8 with a second one. Characters, not bytes (ASVS
// 5.0, 6.2.1).
func TestLengthByFactors(t *testing.T) {
	single, second := password.NISTPolicy(password.SingleFactor), password.NISTPolicy(password.WithSecondFactor)
	none := password.About{}
	require.Equal(t, []string{password.CodeTooShort}, codes(single.Check("kaffelyktamoln", none)))
	require.Empty(t, single.Check("kaffelyktamolns", none))
	require.Equal(t, []string{password.CodeTooShort}, codes(second.Check("7w!kX;d", none)))
	require.Empty(t, second.Check("7w!kX;dq", none))
	require.Empty(t, second.Check("😀🐴🔋📎🌧🦉🍋🧭", none), "8 emoji")
	require.Equal(t, 8, password.Policy{MinLength: 1}.Check("7w!kX;d", none)[0].Limit, "no policy goes below 8")
	require.Equal(t, 12, password.Policy{}.Check("7w!kX;d", none)[0].Limit)
}

func TestWordsOfThePolicy(t *testing.T) {
	p := password.Policy{Words: []string{"Storkommun", "Fjärrvärme 24"}}
	for _, candidate := range []string{"Storkommun2026", "$t0rkommun!!!!", "fjarrvarme-2025", "nummokrotS123"} {
		require.Equal(t, []string{password.CodeSimilar}, codes(p.Check(candidate, password.About{})), candidate)
	}
	require.Empty(t, p.Check("storkar flyger över sjön", password.About{}))
}

type noHorses struct{ asked *int }

func (r noHorses) Check(_ context.Context, candidate string, _ password.About) *password.Problem {
	*r.asked++
	if strings.Contains(candidate, "horse") {
		return &password.Problem{Code: "horse", Message: "No horses."}
	}
	return nil
}

func (noHorses) String() string { return "no horses" }

func TestCustomRules(t *testing.T) {
	asked := 0
	p := password.Policy{Rules: []password.Rule{noHorses{&asked}}}
	require.Empty(t, p.Check("kaffe lykta moln", password.About{}))
	problems := p.Check("correct horse battery", password.About{})
	require.Equal(t, []string{"horse"}, codes(problems))
	require.Equal(t, "No horses.", problems[0].In("sv"))
	require.Equal(t, 2, asked)
	p.Check("short horse", password.About{})
	require.Equal(t, 2, asked, "not asked when refused already")
}

func TestMessagesInFourLanguages(t *testing.T) {
	problem := password.DefaultPolicy().Check("kort", password.About{})[0]
	for language, want := range map[string]string{
		"en": "at least 12", "sv": "minst 12 tecken", "sv-FI": "minst 12 tecken", "nb": "minst 12 tegn", "no": "minst 12 tegn", "nb_NO": "minst 12 tegn",
		"fr": "au moins 12", "fr-CA": "au moins 12", "de": "at least 12", "": "at least 12",
	} {
		require.Contains(t, problem.In(language), want, language)
	}
	for _, code := range []string{
		password.CodeTooShort, password.CodeTooLong, password.CodeEncoding, password.CodeOnlyDigits, password.CodeSimilar, password.CodeCommon,
		password.CodeBreached, password.CodeUnchecked,
	} {
		p, texts := password.Problem{Code: code, Limit: 7}, map[string]bool{}
		for _, language := range []string{"en", "sv", "nb", "fr"} {
			text := p.In(language)
			require.NotEmpty(t, text)
			require.NotContains(t, text, "%")
			texts[text] = true
		}
		require.Len(t, texts, 4, "%s has a text of its own in each language", code)
	}
}

// One line of a diff of the golden file is one change of a promise.
func TestDescribePolicy(t *testing.T) {
	asked := 0
	p := password.NISTPolicy(password.SingleFactor)
	p.Words = []string{"Storkommun", "MailExample"}
	p.Rules = []password.Rule{password.Breached{}, noHorses{&asked}}
	golden, err := os.ReadFile("testdata/policy.golden")
	require.NoError(t, err)
	require.Equal(t, string(golden), p.Describe())
	require.Equal(t, []string{"Storkommun", "MailExample"}, p.Words, "left in order")
}
