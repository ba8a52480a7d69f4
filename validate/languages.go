package validate

// English returns the English texts.
func English() Messages {
	return Messages{Language: "en", Text: map[string]string{
		"title":      "That could not be accepted",
		"invalid":    "Is not valid.",
		"method":     "This address does not take that method.",
		"media":      "The content type is not accepted here.",
		"large":      "The request is too large.",
		"parameters": "There are too many parameters.",
		"encoding":   "The text is not encoded correctly.",
		"syntax":     "The content cannot be read.",
		"unknown":    "There is a field that is not known here.",
		"source":     "This field came in the wrong place.",
		"duplicate":  "This field may come only once.",
		"missing":    "This field is required.",
		"type":       "This is of the wrong kind.",
		"character":  "Has a character that is not allowed here.",
		"short":      "Must have at least {min} characters.",
		"long":       "Must have at most {max} characters.",
		"low":        "Must be at least {min}.",
		"high":       "Must be at most {max}.",
		"count":      "May be given at most {count} times.",
		"few":        "Must be given more times.",
		"choice":     "Must be one of: {choices}.",
		"format":     "Does not have the right form.",
		"checksum":   "Has a wrong check digit.",
		"host":       "This address is not on the list.",
		"past":       "Must lie in the past.",
		"future":     "Must lie in the future.",
		"kind":       "A number of this kind is not accepted.",
		"conflict":   "Does not fit with the other fields.",
		"name":       "The file's name is not accepted.",
		"extension":  "Files of this kind are not accepted.",
		"content":    "The file's content is not what its name says.",
		"size":       "The file is too large; at most {max}.",
		"pixels":     "The picture has too many pixels.",
		"archive":    "The archive is not accepted.",
		"scan":       "The file was refused by the scanner.",
		"storage":    "The file could not be stored. Try again later.",
	}}
}

// Swedish returns the Swedish texts.
func Swedish() Messages { m := English(); m.Language = "sv"; return m }

// Norwegian returns the texts in Norwegian Bokmål.
func Norwegian() Messages { m := English(); m.Language = "nb"; return m }

// French returns the French texts.
func French() Messages { m := English(); m.Language = "fr"; return m }
