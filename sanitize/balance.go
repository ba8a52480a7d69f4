package sanitize

import (
	"slices"

	"golang.org/x/net/html/atom"
)

// maxDepth bounds the elements that stand open inside each other. Browsers flatten what is deeper than 512, the page
// around the letter included, and what they flatten is no longer the tree that was judged.
const maxDepth = 400

// maxPending bounds the formatting elements that wait to be reopened.
const maxPending = 8

// A builder writes elements so that each is closed where it must be, whatever order the tags came in. What it writes
// is parsed by every HTML parser into the very tree that was meant: nothing is moved, implied, reopened or
// closed from inside, and that is why the output cannot mutate and cannot close a container that it stands in.
//
// It follows the tree construction rules of the HTML standard (13.2.6) with these differences, all to stay linear and
// to write only forward: what a table would throw out in front of itself gets a row of its own; a formatting element
// that ends inside a block that is still open goes on to the end of that block; and reopening has a budget, because
// <p><b><i>...</p><p>x<p>x would otherwise grow with the product of both parts.
type builder struct {
	out     []byte
	stack   []open
	pending []open
	budget  int // bytes that reopening may still write
	tooDeep bool
}

type open struct {
	*element
	start, end int  // where its start tag stands in out
	implied    bool // written without a tag in the source
	ended      bool // its end tag came while a block inside it was open
	cell       int  // for pending: the stack index of the cell it was opened in, -1 for none
}

func (b *builder) top() *open {
	if len(b.stack) == 0 {
		return nil
	}
	return &b.stack[len(b.stack)-1]
}

// barrier reports whether end tags do not reach past this element ("has an element in scope").
func (e *element) barrier() bool {
	return e.role == cell || e.role == table || e.atom == atom.Caption
}

// special reports whether the end tag of an inline element does not reach past this element.
func (e *element) special() bool { return e.role > format && e.role != void }

// push records an element whose start tag stands at out[start:].
func (b *builder) push(e *element, start int) {
	if len(b.stack) >= maxDepth {
		b.tooDeep = true
		return
	}
	b.stack = append(b.stack, open{element: e, start: start, end: len(b.out)})
}

// imply opens an element that the source left out.
func (b *builder) imply(a atom.Atom) {
	e := elements[a]
	start := len(b.out)
	b.out = append(append(append(b.out, '<'), e.name...), '>')
	b.push(e, start)
	if t := b.top(); t != nil {
		t.implied = true
	}
}

// closeTo closes elements until n stand open. The element at index n is the one whose end is due; formatting that
// ends early above it will be reopened.
func (b *builder) closeTo(n int) {
	for len(b.stack) > n || (len(b.stack) > 0 && b.top().ended) {
		i := len(b.stack) - 1
		e := b.stack[i]
		b.stack = b.stack[:i]
		b.out = append(append(append(b.out, "</"...), e.name...), '>')
		switch {
		case e.role == cell || e.atom == atom.Caption:
			b.forget(i)
		case e.role == format && !e.ended && i != n && len(b.pending) < maxPending:
			e.cell = b.cellIndex()
			b.pending = append(b.pending, e)
		}
	}
}

// forget drops what was waiting inside the cell at stack index i.
func (b *builder) forget(i int) {
	keep := b.pending[:0]
	for _, p := range b.pending {
		if p.cell < i {
			keep = append(keep, p)
		}
	}
	b.pending = keep
}

func (b *builder) cellIndex() int {
	for i := len(b.stack) - 1; i >= 0; i-- {
		if e := b.stack[i].element; e.role == cell || e.atom == atom.Caption {
			return i
		}
	}
	return -1
}

// reopen writes the waiting formatting elements of this cell again, in the order they were opened.
func (b *builder) reopen() {
	if len(b.pending) == 0 {
		return
	}
	here := b.cellIndex()
	waiting := b.pending
	b.pending = nil
	for i := len(waiting) - 1; i >= 0; i-- { // closed from the inside out: the last is the outermost
		p := waiting[i]
		size := p.end - p.start
		if p.cell != here {
			b.pending = append([]open{p}, b.pending...)
			continue
		}
		if size > b.budget || (p.atom == atom.A && b.find(atom.A) >= 0) {
			continue
		}
		b.budget -= size
		start := len(b.out)
		b.out = append(b.out, b.out[p.start:p.end]...)
		b.push(p.element, start)
	}
}

// find returns the index of the innermost open element of this kind that is in scope, or -1.
func (b *builder) find(a atom.Atom) int {
	for i := len(b.stack) - 1; i >= 0; i-- {
		if b.stack[i].atom == a {
			return i
		}
		if b.stack[i].barrier() {
			return -1
		}
	}
	return -1
}

// closeLink ends a link before the next one starts, and keeps it from being reopened: links do not nest.
func (b *builder) closeLink() {
	if i := b.find(atom.A); i >= 0 {
		b.closeTo(i)
	}
	b.pending = slices.DeleteFunc(b.pending, func(p open) bool { return p.atom == atom.A })
}

func (b *builder) closeParagraph() {
	if i := b.find(atom.P); i >= 0 {
		b.closeTo(i)
	}
}

// table returns the index of the innermost open table, or -1.
func (b *builder) table() int {
	for i := len(b.stack) - 1; i >= 0; i-- {
		if b.stack[i].role == table {
			return i
		}
	}
	return -1
}

// betweenCells reports whether the innermost open element may hold only parts of a table.
func (b *builder) betweenCells() bool {
	t := b.top()
	return t != nil && (t.role == table || t.role == section || t.role == row || t.atom == atom.Colgroup)
}

// text prepares for text that is not blank.
func (b *builder) text() {
	b.leaveImpliedList(0)
	if b.betweenCells() {
		b.openCell()
	}
	b.reopen()
}

// openCell opens a row and cell for what stands in a table outside of its cells.
func (b *builder) openCell() {
	t := b.table()
	b.openRow(t)
	b.imply(atom.Td)
}

func (b *builder) openSection(t int) {
	if len(b.stack) > t+1 && b.stack[t+1].role == section {
		return
	}
	b.closeTo(t + 1)
	b.imply(atom.Tbody)
}

func (b *builder) openRow(t int) {
	b.openSection(t)
	if len(b.stack) > t+2 && b.stack[t+2].role == row {
		b.closeTo(t + 3)
		return
	}
	b.closeTo(t + 2)
	b.imply(atom.Tr)
}

// leaveImpliedList ends a list that was opened for an item without one, when something else than an item follows.
func (b *builder) leaveImpliedList(next role) {
	if t := b.top(); t != nil && t.implied && next != item && next != term && (t.atom == atom.Ul || t.atom == atom.Dl) {
		b.closeTo(len(b.stack) - 1)
	}
}

// place closes and opens what the start of an element asks for. It reports false if the element cannot stand here.
func (b *builder) place(e *element) bool {
	b.leaveImpliedList(e.role)
	switch e.role {
	case caption, column, section, row, cell:
		return b.placeTablePart(e)
	case table:
		if b.betweenCells() {
			b.closeTo(b.table())
		}
		b.closeParagraph()
		return true
	}
	if b.betweenCells() {
		if e.atom != atom.Img {
			return false
		}
		b.openCell()
	}
	switch e.role {
	case block, rule:
		b.closeParagraph()
	case heading:
		b.closeParagraph()
		for t := b.top(); t != nil && t.role == heading; t = b.top() { // closing one can end formatting that stands in another
			b.closeTo(len(b.stack) - 1)
		}
	case item, term:
		b.placeItem(e)
	case format:
		if e.atom == atom.A {
			b.closeLink()
		}
		b.reopen()
	default:
		b.reopen()
	}
	return true
}

func (b *builder) placeTablePart(e *element) bool {
	t := b.table()
	if t < 0 {
		return false
	}
	switch e.role {
	case caption, section:
		b.closeTo(t + 1)
	case column:
		if len(b.stack) > t+1 && b.stack[t+1].atom == atom.Colgroup {
			b.closeTo(t + 2)
		} else {
			b.closeTo(t + 1)
			b.imply(atom.Colgroup)
		}
	case row:
		b.openSection(t)
		b.closeTo(t + 2)
	case cell:
		b.openRow(t)
	}
	return true
}

// placeItem closes the item before, and opens a list for an item that has none: a bare <li> would close the item of
// the page that the letter stands in.
func (b *builder) placeItem(e *element) {
	inList := false
scan:
	for i := len(b.stack) - 1; i >= 0; i-- {
		o := b.stack[i]
		switch {
		case o.role == e.role:
			b.closeTo(i)
			inList = true
			break scan
		case e.role == item && (o.atom == atom.Ul || o.atom == atom.Ol), e.role == term && o.atom == atom.Dl:
			inList = true
			break scan
		case o.special() && o.atom != atom.Address && o.atom != atom.Div && o.atom != atom.P:
			break scan
		}
	}
	b.closeParagraph()
	switch {
	case inList:
	case e.role == item:
		b.imply(atom.Ul)
	default:
		b.imply(atom.Dl)
	}
}

// end handles an end tag.
func (b *builder) end(e *element) {
	switch e.role {
	case format:
		b.endFormat(e.atom)
	case inline:
		for i := len(b.stack) - 1; i >= 0 && !b.stack[i].special(); i-- {
			if b.stack[i].atom == e.atom {
				b.closeTo(i)
				return
			}
		}
	case table, caption, section, row, cell:
		b.endTablePart(e)
	case block, heading, item, term:
		b.endBlock(e)
	}
}

func (b *builder) endBlock(e *element) {
	for i := len(b.stack) - 1; i >= 0; i-- {
		o := b.stack[i]
		switch {
		case o.atom == e.atom, o.role == heading && e.role == heading:
			b.closeTo(i)
			return
		case o.barrier(), e.role == item && (o.atom == atom.Ul || o.atom == atom.Ol), e.role == term && o.atom == atom.Dl:
			return
		}
	}
}

func (b *builder) endTablePart(e *element) {
	t := b.table()
	if t < 0 {
		return
	}
	if e.role == table {
		b.closeTo(t)
		return
	}
	for i := t + 1; i <= t+3 && i < len(b.stack); i++ {
		if b.stack[i].role == e.role {
			b.closeTo(i)
			return
		}
	}
}

func (b *builder) endFormat(a atom.Atom) {
	here := b.cellIndex()
	for i, p := range b.pending { // the first is the innermost
		if p.atom == a && p.cell == here {
			b.pending = append(b.pending[:i], b.pending[i+1:]...)
			return
		}
	}
	inBlock := false
	for i := len(b.stack) - 1; i >= 0 && !b.stack[i].barrier(); i-- {
		o := &b.stack[i]
		if o.atom == a && !o.ended {
			if inBlock {
				o.ended = true
			} else {
				b.closeTo(i)
			}
			return
		}
		inBlock = inBlock || o.special()
	}
}
