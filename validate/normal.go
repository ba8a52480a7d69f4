package validate

import (
	"sync"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// This is NFC (UAX 15) with the data of golang.org/x/text and another way through it: a megabyte of letters with loose accents
// costs 15 ms here and 80 ms there. The tests hold both side by side.

// maxLoose is how many non-starters may follow one another, as in the stream-safe format (UAX 15, section 13). No word has that many.
const maxLoose = 30

// compositions are the canonical decompositions and the pairs that they come from.
type compositions struct {
	index   map[rune]uint16 // into decomps
	decomps [][]rune        // full ones; the first is none
	forms   []string        // NFC of the character that the decomposition is of
	seconds map[rune]bool   // what may join the character before it
	pairs   [4096]pair      // an open hash table
}

type pair struct{ first, second, whole rune }

// composite are the blocks that have canonical decompositions, without Hangul, which is arithmetic.
var composite = [][2]rune{{0xC0, 0x33FF}, {0xF900, 0xFFFF}, {0x11000, 0x16FFF}, {0x1D000, 0x1D2FF}, {0x2F800, 0x2FA1F}}

var composing = sync.OnceValue(func() *compositions {
	c := &compositions{index: map[rune]uint16{}, decomps: [][]rune{nil}, forms: []string{""}, seconds: map[rune]bool{}}
	for _, span := range composite {
		for r := span[0]; r <= span[1]; r++ {
			d := norm.NFC.PropertiesString(string(r)).Decomposition()
			if d == nil {
				continue
			}
			full := []rune(string(d))
			c.index[r] = uint16(len(c.decomps))
			c.decomps = append(c.decomps, full)
			form := norm.NFC.String(string(r))
			c.forms = append(c.forms, form)
			if form != string(r) { // a singleton or an exclusion
				continue
			}
			last := len(full) - 1
			first, _ := utf8.DecodeRuneInString(norm.NFC.String(string(full[:last])))
			c.seconds[full[last]] = true
			c.add(pair{first, full[last], r})
		}
	}
	return c
})

func slot(first, second rune) uint32 {
	return (uint32(first)*0x9E3779B1 ^ uint32(second)*0x85EBCA6B) >> 20
}

func (c *compositions) add(p pair) {
	i := slot(p.first, p.second)
	for c.pairs[i].whole != 0 {
		i = (i + 1) % uint32(len(c.pairs))
	}
	c.pairs[i] = p
}

// Hangul syllables are made of their parts by arithmetic (The Unicode Standard, section 3.12).
const (
	hangulL, hangulV, hangulT, hangulS = 0x1100, 0x1161, 0x11A7, 0xAC00
	countL, countV, countT             = 19, 21, 28
	countS                             = countL * countV * countT
)

// stable reports whether NFC leaves r alone wherever it stands, but for its order among marks.
func (c *compositions) stable(r rune) bool {
	if r >= hangulV && r < hangulV+countV || r > hangulT && r < hangulT+countT || c.seconds[r] {
		return false
	}
	return c.index[r] == 0 || c.forms[c.index[r]] == string(r)
}

// swapped reports whether r is always written as something else that joins nothing before it: a singleton or an exclusion.
func (c *compositions) swapped(r rune) bool {
	d := c.decomps[c.index[r]]
	return d != nil && c.forms[c.index[r]] != string(r) && c.stable(d[0]) && norm.NFC.PropertiesString(string(d[0])).CCC() == 0
}

// whole returns what the two become together, or 0.
func (c *compositions) whole(first, second rune) rune {
	switch {
	case first >= hangulL && first < hangulL+countL && second >= hangulV && second < hangulV+countV:
		return hangulS + ((first-hangulL)*countV+second-hangulV)*countT
	case first >= hangulS && first < hangulS+countS && (first-hangulS)%countT == 0 && second > hangulT && second < hangulT+countT:
		return first + second - hangulT
	}
	for i := slot(first, second); c.pairs[i].whole != 0; i = (i + 1) % uint32(len(c.pairs)) {
		if p := &c.pairs[i]; p.first == first && p.second == second {
			return p.whole
		}
	}
	return 0
}

// normalise returns s in NFC, or false where more marks follow one another than any script needs.
func normalise(s string) (string, bool) {
	safe, last := 0, uint8(0)
	for i, r := range s {
		if r < utf8.RuneSelf {
			safe, last = i, 0
			continue
		}
		t := traitOf(r)
		if t.flags&isStable == 0 || t.ccc != 0 && t.ccc < last {
			return rewrite(s, safe)
		}
		if last = t.ccc; last == 0 {
			safe = i
		}
	}
	return s, true
}

// rewrite normalises from a character on that nothing before it changes.
func rewrite(s string, from int) (string, bool) {
	n := normaliser{table: composing(), out: make([]byte, from, len(s)+len(s)/4+16)}
	copy(n.out, s)
	for _, r := range s[from:] {
		if r < utf8.RuneSelf {
			n.begin(letter{r: r})
			continue
		}
		t := traitOf(r)
		if t.ccc == 0 && t.flags&(isStable|isSwapped) != 0 {
			n.begin(letter{r: r, decomp: t.decomp, syllable: r >= hangulS && r < hangulS+countS, swapped: t.flags&isSwapped != 0})
		} else if n.join(r, t); n.loose > maxLoose {
			return "", false
		}
	}
	n.flush()
	return string(n.out), true
}

// A letter is one character of the cluster that is being put together.
type letter struct {
	r        rune
	ccc      uint8
	syllable bool // of Hangul
	swapped  bool // written as another form
	decomp   uint16
}

type normaliser struct {
	table   *compositions
	out     []byte
	cluster []letter
	loose   int // non-starters at its end
}

// begin ends the cluster before and starts one with a character that joins nothing before it.
func (n *normaliser) begin(l letter) {
	n.flush()
	n.cluster = append(n.cluster, l)
}

// join adds a character to the cluster, taken apart. The one that stands first is taken apart when the second comes.
func (n *normaliser) join(r rune, t trait) {
	if len(n.cluster) == 1 {
		l := n.cluster[0]
		switch {
		case l.decomp != 0:
			n.cluster = n.cluster[:0]
			n.apart(l.decomp)
		case l.syllable:
			n.cluster = n.cluster[:0]
			n.hangul(l.r)
		}
	}
	if t.decomp != 0 {
		n.apart(t.decomp)
	} else {
		n.add(letter{r: r, ccc: t.ccc})
	}
}

func (n *normaliser) apart(decomp uint16) {
	for _, r := range n.table.decomps[decomp] {
		l := letter{r: r}
		if r >= utf8.RuneSelf {
			t := traitOf(r)
			if l.ccc = t.ccc; l.ccc == 0 && t.flags&isStable != 0 {
				n.flush()
			}
		} else {
			n.flush()
		}
		n.add(l)
	}
}

func (n *normaliser) hangul(r rune) {
	i := r - hangulS
	n.add(letter{r: hangulL + i/(countV*countT)})
	n.add(letter{r: hangulV + i/countT%countV})
	if t := i % countT; t != 0 {
		n.add(letter{r: hangulT + t})
	}
}

// add keeps the non-starters in canonical order (UAX 15, D108).
func (n *normaliser) add(l letter) {
	n.cluster = append(n.cluster, l)
	if l.ccc == 0 {
		n.loose = 0
		return
	}
	n.loose++
	for i := len(n.cluster) - 1; i > 0 && n.cluster[i-1].ccc > l.ccc && n.loose <= maxLoose+1; i-- {
		n.cluster[i], n.cluster[i-1] = n.cluster[i-1], n.cluster[i]
	}
}

// flush composes the cluster (D117) and writes it.
func (n *normaliser) flush() {
	switch c := n.cluster; {
	case len(c) == 1 && c[0].swapped:
		n.out = append(n.out, n.table.forms[c[0].decomp]...)
	case len(c) == 1:
		n.out = utf8.AppendRune(n.out, c[0].r)
	case len(c) > 1:
		for _, l := range n.compose(c) {
			n.out = utf8.AppendRune(n.out, l.r)
		}
	}
	n.cluster, n.loose = n.cluster[:0], 0
}

func (n *normaliser) compose(c []letter) []letter {
	starter, kept := -1, 1
	if c[0].ccc == 0 {
		starter = 0
	}
	for _, l := range c[1:] {
		if starter >= 0 && (kept-1 == starter || c[kept-1].ccc < l.ccc) {
			if whole := n.table.whole(c[starter].r, l.r); whole != 0 {
				c[starter].r = whole
				continue
			}
		}
		if l.ccc == 0 {
			starter = kept
		}
		c[kept] = l
		kept++
	}
	return c[:kept]
}
