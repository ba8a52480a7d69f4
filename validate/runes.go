package validate

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// A trait is what the checks of a text ask about one character. The tables of package unicode are searched anew for every
// question, which costs a hostile megabyte a tenth of a second; here each block of 256 characters is worked out once,
// when the first of them comes.
type trait struct {
	flags  uint8
	ccc    uint8  // canonical combining class
	script uint8  // scriptNone, scriptShared or one of scriptNames
	decomp uint16 // where its canonical decomposition stands, or 0
}

const (
	isPlain   uint8 = 1 << iota // is seen by readers, and stands alone
	isMark                      // is drawn over what stands before it
	isStable                    // NFC_Quick_Check=Yes (UAX 15, section 9)
	isWord                      // letter or mark
	isAlpha                     // letter
	isSymbol                    // So
	isSwapped                   // NFC always writes it as something else, which joins nothing before it
)

// The scripts of a character: of none, of all (Common and Inherited), or of one.
const (
	scriptNone uint8 = iota
	scriptShared
	scriptFirst
)

const blockSize = 256

var blocks [(unicode.MaxRune + 1) / blockSize]atomic.Pointer[[blockSize]trait]

// traitOf returns what is known of a character. r is what a range over a string gives.
func traitOf(r rune) trait {
	b := blocks[r/blockSize].Load()
	if b == nil {
		b = newBlock(r - r%blockSize)
		blocks[r/blockSize].Store(b)
	}
	return b[r%blockSize]
}

// scriptNames gives every script a number.
var scriptNames = sync.OnceValue(func() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(unicode.Scripts)), func(s string) bool { return s == "Common" || s == "Inherited" })
})

func scriptID(name string) uint8 {
	i, _ := slices.BinarySearch(scriptNames(), name)
	return scriptFirst + uint8(i)
}

func newBlock(first rune) *[blockSize]trait {
	b := new([blockSize]trait)
	c := composing()
	for i := range b {
		r := first + rune(i)
		t := &b[i]
		visible := unicode.IsGraphic(r) && !hidden(r) && !unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
		mark := unicode.In(r, unicode.Mn, unicode.Me)
		t.flags = flag(isPlain, visible && !mark) | flag(isMark, visible && mark) | flag(isStable, c.stable(r)) |
			flag(isWord, unicode.IsLetter(r) || unicode.IsMark(r)) | flag(isAlpha, unicode.IsLetter(r)) | flag(isSymbol, unicode.Is(unicode.So, r)) |
			flag(isSwapped, c.swapped(r))
		t.ccc = norm.NFC.PropertiesString(string(r)).CCC()
		t.decomp = c.index[r]
	}
	for i, name := range scriptNames() {
		fillScript(b, first, unicode.Scripts[name], scriptFirst+uint8(i))
	}
	fillScript(b, first, unicode.Common, scriptShared)
	fillScript(b, first, unicode.Inherited, scriptShared)
	return b
}

func flag(f uint8, on bool) uint8 {
	if on {
		return f
	}
	return 0
}

// fillScript writes the script of a table into the block, range by range.
func fillScript(b *[blockSize]trait, first rune, table *unicode.RangeTable, script uint8) {
	last := first + blockSize - 1
	set := func(lo, hi, stride rune) {
		if lo < first {
			lo += (first - lo + stride - 1) / stride * stride
		}
		for r := lo; r <= min(hi, last); r += stride {
			b[r-first].script = script
		}
	}
	start, _ := slices.BinarySearchFunc(table.R16, first, func(x unicode.Range16, r rune) int { return cmp.Compare(rune(x.Hi), r) })
	for _, x := range table.R16[start:] {
		if rune(x.Lo) > last {
			break
		}
		set(rune(x.Lo), rune(x.Hi), rune(x.Stride))
	}
	start, _ = slices.BinarySearchFunc(table.R32, first, func(x unicode.Range32, r rune) int { return cmp.Compare(rune(x.Hi), r) })
	for _, x := range table.R32[start:] {
		if rune(x.Lo) > last {
			break
		}
		set(rune(x.Lo), rune(x.Hi), rune(x.Stride))
	}
}
