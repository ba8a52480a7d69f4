package validate_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/validate"
)

type text interface {
	UnmarshalText([]byte) error
}

// The numbers are published by the authorities, most of them their own examples.
func TestNationalNumbers(t *testing.T) {
	person := func() text { return new(validate.SEPersonID) }
	seOrg := func() text { return new(validate.SEOrgNo) }
	noPerson := func() text { return new(validate.NOPersonID) }
	noOrg := func() text { return new(validate.NOOrgNo) }
	cpr := func() text { return new(validate.DKCPR) }
	hetu := func() text { return new(validate.FIHetu) }
	for _, c := range []struct {
		name, in string
		into     func() text
		want     string // "" means refused
		kind     string
	}{
		{"Skatteverket SKV 704, example of the check digit", "640823-3234", person, "196408233234", "person"},
		{"the same with twelve digits", "196408233234", person, "196408233234", "person"},
		{"the same with plus is a hundred years older", "640823+3234", person, "186408233234", "person"},
		{"wrong check digit", "640823-3235", person, "", ""},
		{"no birth number 000", "640823-0008", person, "", ""},
		{"widely printed example, in the test range", "811218-9876", person, "198112189876", "test"},
		{"older test number of Skatteverket, which cannot be told from a person's", "19121212-1212", person, "191212121212", "person"},
		{"Skatteverket SKV 707, coordination number", "701063-2391", person, "197010632391", "coordination"},
		{"coordination day of no month", "701093-2391", person, "", ""},
		{"no such day", "640230-3234", person, "", ""},
		{"in the future", "299901010000", person, "", ""},
		{"full-width digits", "６40823-3234", person, "", ""},
		{"Bolagsverket itself", "202100-5489", seOrg, "202100-5489", ""},
		{"without hyphen", "2021005489", seOrg, "202100-5489", ""},
		{"wrong check digit of a company", "202100-5488", seOrg, "", ""},
		{"a person is no organisation", "640823-3234", seOrg, "", ""},
		{"Brønnøysundregistrene itself", "974 760 673", noOrg, "974760673", ""},
		{"Skatteetaten itself", "974761076", noOrg, "974761076", ""},
		{"wrong check digit of Skatteetaten", "974761077", noOrg, "", ""},
		{"blanks in the wrong places", "97 4761076", noOrg, "", ""},
		{"CPR-kontoret, example of modulus 11", "070761-4285", cpr, "070761-4285", ""},
		{"without modulus 11, as issued since 2007", "010165-4999", cpr, "010165-4999", ""},
		{"no such Danish day", "310261-4285", cpr, "", ""},
		{"replacement number", "670761-4285", cpr, "", ""},
		{"DVV's example", "131052-308T", hetu, "131052-308T", "permanent"},
		{"wrong check character", "131052-308U", hetu, "", ""},
		{"DVV test person, new sign of 2023", "010594Y9032", hetu, "010594Y9032", "temporary"},
		{"DVV test person of 2016", "010516B903X", hetu, "010516B903X", "temporary"},
		{"unknown sign", "010516G903X", hetu, "", ""},
		{"only the rule of 2032 allows it", "02013299997", noPerson, "02013299997", "birth"},
		{"the same with a blank", "020132 99997", noPerson, "02013299997", "birth"},
		{"D-number, of fnrvalidator (NAV)", "53097248016", noPerson, "53097248016", "d"},
		{"H-number, of fnrvalidator", "13527248013", noPerson, "13527248013", "h"},
		{"synthetic, of fnrvalidator", "10915596784", noPerson, "10915596784", "test"},
		{"rest 0 of 2032, of fnrvalidator", "30108299920", noPerson, "30108299920", "birth"},
		{"rest 1 of 2032, of fnrvalidator", "30108299939", noPerson, "30108299939", "birth"},
		// Worked out from the weights: the first sum leaves 2, 3 and 4, the second none.
		{"rest 2", "03024500011", noPerson, "03024500011", "birth"},
		{"rest 3", "03024500100", noPerson, "03024500100", "birth"},
		{"rest 4", "03024500038", noPerson, "", ""},
		{"second check digit wrong, of fnrvalidator", "02013299996", noPerson, "", ""},
		{"no such Norwegian day", "32127248022", noPerson, "", ""},
		{"empty", " ", noPerson, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := c.into()
			err := v.UnmarshalText([]byte(c.in))
			if c.want == "" {
				require.ErrorIs(t, err, validate.ErrFormat)
				require.Empty(t, v.(interface{ String() string }).String())
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, v.(interface{ String() string }).String())
			require.Equal(t, c.kind, v.(interface{ Kind() string }).Kind())
		})
	}
}

func TestBirthDates(t *testing.T) {
	var se validate.SEPersonID
	require.NoError(t, se.UnmarshalText([]byte("701063-2391")))
	require.Equal(t, "1970-10-03", se.Born().String())
	var dk validate.DKCPR
	for in, want := range map[string]string{ // the table of CPR-kontoret, its corners
		"0101003999": "1900-01-01", "0101364000": "2036-01-01", "0101374000": "1937-01-01", "0101575000": "2057-01-01",
		"0101585000": "1858-01-01", "0101998000": "1899-01-01", "0101369000": "2036-01-01", "0101379000": "1937-01-01",
	} {
		require.NoError(t, dk.UnmarshalText([]byte(in)))
		require.Equal(t, want, dk.Born().String(), in)
	}
	var fi validate.FIHetu
	require.NoError(t, fi.UnmarshalText([]byte("131052-308T")))
	require.Equal(t, "1952-10-13", fi.Born().String())
}

// corpus opens a file of strangers' test data, which is beside the repository or not there at all.
func corpus(t *testing.T, name string) []byte {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Skip("no repository root above the test")
		}
		dir = parent
	}
	b, err := os.ReadFile(filepath.Join(dir, "..", "shared", "corpora", name))
	if os.IsNotExist(err) {
		t.Skip("the corpus is not here: ../shared/corpora/" + name)
	}
	require.NoError(t, err)
	return b
}

func TestNorwegianCorpus(t *testing.T) {
	var file struct {
		Vectors []struct {
			Title, Value string
			Valid        *bool
			Type         string
		}
	}
	require.NoError(t, json.Unmarshal(corpus(t, "no_fodselsnummer.json"), &file))
	require.NotEmpty(t, file.Vectors)
	kinds := map[string]string{"fnr": "birth", "dnr": "d", "hnr": "h", "tnr": "test", "dnr-and-hnr": "h", "dnr-and-tnr": "test"}
	for _, v := range file.Vectors {
		var id validate.NOPersonID
		err := id.UnmarshalText([]byte(v.Value))
		if v.Valid != nil && !*v.Valid {
			require.Error(t, err, v.Title)
			continue
		}
		require.NoError(t, err, v.Title)
		if v.Type != "" {
			require.Equal(t, kinds[v.Type], id.Kind(), v.Title)
		}
	}
}

func TestSyntheticPersonsAreRefusedUnlessAskedFor(t *testing.T) {
	type strict struct {
		ID validate.NOPersonID `in:"query id"`
	}
	type lax struct {
		ID validate.NOPersonID `in:"query id" rule:"kind=birth|d|h|test"`
	}
	r := get("/?id=10915596784") // synthetic, from the corpus of fnrvalidator
	_, err := validate.Must[strict](validate.Options{}).Parse(nil, r)
	require.Equal(t, []string{"query id:kind"}, faults(t, err))
	in, err := validate.Must[lax](validate.Options{}).Parse(nil, r)
	require.NoError(t, err)
	require.Equal(t, "10915596784", in.ID.String())
}

func TestNumbersDoNotLandInLogs(t *testing.T) {
	var id validate.SEPersonID
	require.NoError(t, id.UnmarshalText([]byte("640823-3234")))
	require.NotContains(t, id.LogValue().String(), "3234")
	require.True(t, strings.HasPrefix(id.Kind(), "person"))
}
