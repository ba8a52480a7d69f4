// Package guess tells which passwords are guessed first: those of the lists that went around, and what people make of
// them to satisfy a rule. An attacker's tools undo capitals, accents, leet spelling, digits and symbols put before
// and behind, separators, repetition and reversal; so does this package, and then it looks the rest up in a filter.
package guess

import (
	"bytes"
	"slices"
)

//go:generate go run ./gen

const (
	// longest is how many bytes of a folded password are taken apart; a list entry with more decoration than that is
	// not decoration.
	longest = 128
	// decorations is how many independent choices before and behind a word are still found by trying: beyond eight,
	// they are a password themselves.
	decorations = 8
	// ShortestForm is the least length of a form that is looked up.
	ShortestForm = 4
)

// Common reports whether the password is in the filter, bare or decorated, or a walk over the keyboard.
func Common(password string) bool {
	var space, room [longest]byte
	folded := fold(space[:0], password)
	if walked(folded) || walked(period(folded)) {
		return true
	}
	if len(folded) > longest {
		folded = period(folded)
	}
	if len(folded) > longest {
		return false
	}
	if known(folded) || undecorated(folded, true) {
		return true
	}
	squeezed := squeeze(room[:0], folded)
	return len(squeezed) < len(folded) && undecorated(squeezed, true)
}

// undecorated cuts off what stands before the first letter and behind the last one, piece by piece, because a digit or
// symbol there may stand for a letter ("h3ll0").
func undecorated(b []byte, whole bool) bool {
	first := slices.IndexFunc(b, letter)
	if first < 0 {
		return false
	}
	last := len(b)
	for !letter(b[last-1]) {
		last--
	}
	for begin := max(0, first-decorations); begin <= first; begin++ {
		before := runs(b[:begin])
		for end := last; end <= min(len(b), last+decorations); end++ {
			if before+runs(b[end:]) <= decorations && variants(b[begin:end], whole) {
				return true
			}
		}
	}
	return false
}

// variants looks up a word as it is, without leet spelling, reversed, and, if it is cut from the whole, its repeated
// part. A part is not taken apart again, or passwords could be built that take long.
func variants(word []byte, whole bool) bool {
	if whole {
		if part := period(word); len(part) < len(word) && len(part) >= ShortestForm && undecorated(part, false) {
			return true
		}
	}
	if len(word) < ShortestForm || len(word) > LongestForm {
		return false
	}
	var space [LongestForm]byte
	spelt := leet(space[:0], word, 'i')
	if known(word) || !bytes.Equal(spelt, word) && known(spelt) {
		return true
	}
	slices.Reverse(spelt)
	if known(spelt) {
		return true
	}
	if bytes.ContainsAny(word, "1!|") {
		spelt = leet(space[:0], word, 'l')
		return known(spelt)
	}
	return false
}

// known looks a folded form up.
func known(form []byte) bool {
	return len(form) >= ShortestForm && len(form) <= LongestForm && filter.has(form)
}

// Digits reports whether the password holds nothing but fewer than 20 digits, and separators: a date, a telephone
// number.
func Digits(password string) bool {
	var space, room [longest]byte
	b := squeeze(room[:0], fold(space[:0], password))
	return len(b) < 20 && !slices.ContainsFunc(b, func(c byte) bool { return !digit(c) })
}

// Similar reports whether fewer than eight independent choices are left of the password when the words, split where
// they are not letters or digits, are taken out of it, forwards or backwards, in leet spelling or not. Parts under
// three letters do not count.
func Similar(password string, words []string) bool {
	folded := []byte(Fold(password))
	if len(folded) > longest {
		folded = period(folded)
	}
	if len(folded) > longest {
		return false
	}
	parts := split(words)
	if len(parts) == 0 {
		return false
	}
	reversed := slices.Clone(folded)
	slices.Reverse(reversed)
	for _, b := range [][]byte{folded, leet(nil, folded, 'i'), leet(nil, folded, 'l'), reversed} {
		if rest, found := without(b, parts); found && runs(squeeze(nil, rest)) < decorations {
			return true
		}
	}
	return false
}
