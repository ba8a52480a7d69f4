package password

import "strings"

// text is a message with %n where the number goes.
type text string

func (t text) in(n string) string { return strings.ReplaceAll(string(t), "%n", n) }

type translations struct{ enText, svText, nbText, frText text }

func (t translations) en(n string) string { return t.enText.in(n) }
func (t translations) sv(n string) string { return t.svText.in(n) }
func (t translations) nb(n string) string { return t.nbText.in(n) }
func (t translations) fr(n string) string { return t.frText.in(n) }

var messages = map[string]translations{
	CodeTooShort: {
		"Use at least %n characters. A few words in a row are easy to remember.",
		"Använd minst %n tecken. Några ord i rad är lätta att komma ihåg.",
		"Bruk minst %n tegn. Noen ord på rad er lette å huske.",
		"Utilisez au moins %n caractères. Quelques mots à la suite sont faciles à retenir.",
	},
	CodeTooLong: {
		"The password is too long; at most %n bytes fit.",
		"Lösenordet är för långt; högst %n byte får plats.",
		"Passordet er for langt; det er plass til høyst %n byte.",
		"Le mot de passe est trop long ; %n octets au maximum.",
	},
	CodeEncoding: {
		"The password contains characters that cannot be read.",
		"Lösenordet innehåller tecken som inte går att läsa.",
		"Passordet inneholder tegn som ikke kan leses.",
		"Le mot de passe contient des caractères illisibles.",
	},
	CodeOnlyDigits: {
		"Use more than digits only.",
		"Använd mer än bara siffror.",
		"Bruk mer enn bare sifre.",
		"N'utilisez pas uniquement des chiffres.",
	},
	CodeSimilar: {
		"The password is too similar to a name, an address or this service.",
		"Lösenordet liknar ett namn, en adress eller den här tjänsten för mycket.",
		"Passordet ligner for mye på et navn, en adresse eller denne tjenesten.",
		"Le mot de passe ressemble trop à un nom, à une adresse ou à ce service.",
	},
	CodeCommon: {
		"The password is among those that are guessed first.",
		"Lösenordet hör till dem som gissas först.",
		"Passordet er blant dem som gjettes først.",
		"Le mot de passe fait partie de ceux que l'on devine en premier.",
	},
	CodeBreached: {
		"The password has appeared in a data breach.",
		"Lösenordet har förekommit i en dataläcka.",
		"Passordet har vært med i en datalekkasje.",
		"Le mot de passe est apparu dans une fuite de données.",
	},
	CodeUnchecked: {
		"The password could not be checked; please try again later.",
		"Lösenordet kunde inte kontrolleras; försök igen senare.",
		"Passordet kunne ikke kontrolleres; prøv igjen senere.",
		"Le mot de passe n'a pas pu être vérifié ; réessayez plus tard.",
	},
}
