package sanitize

import "golang.org/x/net/html/atom"

// role says how an element behaves when markup is put in order; see balance.go.
type role uint8

const (
	inline  role = iota // ends at its end tag or with the block around it
	format              // inline that HTML reopens in the next block when a block ended around it
	block               // ends an open paragraph
	heading             // block that also ends another heading
	item                // li: belongs in a list
	term                // dt, dd: belong in a description list
	table               // table
	caption             // caption, colgroup: directly in a table
	column              // col
	section             // thead, tbody, tfoot
	row                 // tr
	cell                // td, th
	void                // br, img, wbr
	rule                // hr: void that ends an open paragraph
)

// An element is one row of the table of what may stand in the output. The table is written for itself; it is
// not derived from the bluemonday policy that judges the same output a second time.
type element struct {
	name  string
	atom  atom.Atom
	role  role
	attrs attrSet
	// comment tells that user-written rich text may use it too.
	comment bool
}

// elements is the table by name. What is not here leaves no tag behind.
var elements = index([]element{
	{"a", atom.A, format, set(aHref, aName), true},
	{"abbr", atom.Abbr, inline, 0, true},
	{"acronym", atom.Acronym, inline, 0, false},
	{"address", atom.Address, block, 0, false},
	{"article", atom.Article, block, 0, false},
	{"aside", atom.Aside, block, 0, false},
	{"b", atom.B, format, 0, true},
	{"bdi", atom.Bdi, inline, 0, false},
	{"big", atom.Big, format, 0, false},
	{"blockquote", atom.Blockquote, block, 0, true},
	{"br", atom.Br, void, set(aClear), true},
	{"caption", atom.Caption, caption, set(aAlign), true},
	{"center", atom.Center, block, 0, false},
	{"cite", atom.Cite, inline, 0, true},
	{"code", atom.Code, format, 0, true},
	{"col", atom.Col, column, set(aSpan, aWidth, aAlign, aVAlign), false},
	{"colgroup", atom.Colgroup, caption, set(aSpan, aWidth, aAlign, aVAlign), false},
	{"dd", atom.Dd, term, 0, true},
	{"del", atom.Del, inline, 0, true},
	{"dfn", atom.Dfn, inline, 0, false},
	{"div", atom.Div, block, set(aAlign), false},
	{"dl", atom.Dl, block, 0, true},
	{"dt", atom.Dt, term, 0, true},
	{"em", atom.Em, format, 0, true},
	{"figcaption", atom.Figcaption, block, 0, false},
	{"figure", atom.Figure, block, 0, false},
	{"font", atom.Font, format, set(aColor, aFace, aSize), false},
	{"footer", atom.Footer, block, 0, false},
	{"h1", atom.H1, heading, set(aAlign), false},
	{"h2", atom.H2, heading, set(aAlign), false},
	{"h3", atom.H3, heading, set(aAlign), true},
	{"h4", atom.H4, heading, set(aAlign), true},
	{"h5", atom.H5, heading, set(aAlign), true},
	{"h6", atom.H6, heading, set(aAlign), true},
	{"header", atom.Header, block, 0, false},
	{"hr", atom.Hr, rule, set(aAlign, aColor, aSize, aWidth, aNoShade), true},
	{"i", atom.I, format, 0, true},
	{"img", atom.Img, void, set(aSrc, aAlt, aWidth, aHeight, aBorder, aAlign, aHSpace, aVSpace), false},
	{"ins", atom.Ins, inline, 0, true},
	{"kbd", atom.Kbd, inline, 0, true},
	{"li", atom.Li, item, set(aListType, aValue), true},
	{"main", atom.Main, block, 0, false},
	{"mark", atom.Mark, inline, 0, false},
	{"nav", atom.Nav, block, 0, false},
	{"ol", atom.Ol, block, set(aListType, aStart), true},
	{"p", atom.P, block, set(aAlign), true},
	{"pre", atom.Pre, block, 0, true},
	{"q", atom.Q, inline, 0, true},
	{"s", atom.S, format, 0, true},
	{"samp", atom.Samp, inline, 0, true},
	{"section", atom.Section, block, 0, false},
	{"small", atom.Small, format, 0, false},
	{"span", atom.Span, inline, 0, false},
	{"strike", atom.Strike, format, 0, true},
	{"strong", atom.Strong, format, 0, true},
	{"sub", atom.Sub, inline, 0, true},
	{"sup", atom.Sup, inline, 0, true},
	{"table", atom.Table, table, set(aAlign, aBgColor, aBorder, aBorderColor, aCellPadding, aCellSpacing, aWidth, aHeight), true},
	{"tbody", atom.Tbody, section, set(aAlign, aVAlign, aBgColor), true},
	{"td", atom.Td, cell, set(aAlign, aVAlign, aBgColor, aColSpan, aRowSpan, aWidth, aHeight, aNoWrap), true},
	{"tfoot", atom.Tfoot, section, set(aAlign, aVAlign, aBgColor), true},
	{"th", atom.Th, cell, set(aAlign, aVAlign, aBgColor, aColSpan, aRowSpan, aWidth, aHeight, aNoWrap, aScope), true},
	{"thead", atom.Thead, section, set(aAlign, aVAlign, aBgColor), true},
	{"tr", atom.Tr, row, set(aAlign, aVAlign, aBgColor, aHeight), true},
	{"tt", atom.Tt, format, 0, false},
	{"u", atom.U, format, 0, true},
	{"ul", atom.Ul, block, set(aListType), true},
	{"var", atom.Var, inline, 0, true},
	{"wbr", atom.Wbr, void, 0, true},
})

// global are the attributes that every element of a mail may have.
var global = set(aStyle, aID, aTitle, aDir, aLang, aRole)

// inComment are the attributes that user-written text may have.
var inComment = set(aHref, aTitle, aColSpan, aRowSpan, aStart, aDir, aLang, aScope)

func index(rows []element) map[atom.Atom]*element {
	byAtom := make(map[atom.Atom]*element, len(rows))
	for i := range rows {
		byAtom[rows[i].atom] = &rows[i]
	}
	return byAtom
}

// swallowed are the elements whose content no browser shows. Their content goes with them. Each is read
// as raw text up to its own end tag by every parser of HTML; of all other unknown elements the content stays.
var swallowed = map[atom.Atom]bool{
	atom.Script: true, atom.Style: true, atom.Title: true, atom.Iframe: true, atom.Noembed: true, atom.Noframes: true,
}

// frameOfDocument are tags that every letter has and whose loss is no news.
var frameOfDocument = map[atom.Atom]bool{
	atom.Html: true, atom.Head: true, atom.Body: true, atom.Meta: true, atom.Title: true,
}
