package sanitize

import (
	"strings"
)

// defaultMaxBytes is what a letter or comment may have when the host does not say.
const (
	defaultMailBytes    = 4 << 20
	defaultCommentBytes = 256 << 10
)

// Mail configures the washing of HTML mail. The zero value is the strictest: no picture at all, no ids, links that
// open in a tab of their own.
type Mail struct {
	// CID returns the address of a picture that came with the letter, by its Content-ID without angle brackets: a
	// data: URI (see [DataPicture]; the only one that [ServeFrame] shows) or a path of the host's own. Nil or false:
	// the picture is taken out.
	CID func(id string) (url string, ok bool)
	// Remote says what becomes of pictures on other servers; zero is Block.
	Remote Remote
	// IDPrefix is put before every id and every fragment link, so that a letter can neither name nor overwrite
	// anything in the page. It holds letters, digits, '-' and '_' and begins with a letter; other characters are
	// dropped. Empty: ids are dropped.
	IDPrefix string
	// MaxBytes bounds the source; zero is 4 MB.
	MaxBytes int
	// DataBytes is the size up to which pictures that stand in the letter as data: URIs are kept, if they are PNG,
	// JPEG, GIF or WebP. Zero: none.
	DataBytes int
	// Leave returns the host's own address for a link to elsewhere, such as a page that asks before it leads away.
	// Nil: links lead straight there. It sees http and https addresses only.
	Leave func(url string) string
}

// NewMail returns a washer for HTML mail. Making one costs next to nothing: make one for each letter, with its own
// prefix and pictures.
func NewMail(config Mail) *Washer {
	if config.MaxBytes <= 0 {
		config.MaxBytes = defaultMailBytes
	}
	config.IDPrefix = cleanPrefix(config.IDPrefix)
	return &Washer{mail: config}
}

// Comment configures the washing of rich text that a visitor wrote. The zero value works.
type Comment struct {
	// MaxBytes bounds the source; zero is 256 KB.
	MaxBytes int
	// Leave returns the host's own address for a link to elsewhere. Nil: links lead straight there.
	Leave func(url string) string
}

// NewComment returns a washer for rich text: paragraphs, lists, links, emphasis, code, quotations, small headings
// and tables. No pictures, styles or ids.
func NewComment(config Comment) *Washer {
	if config.MaxBytes <= 0 {
		config.MaxBytes = defaultCommentBytes
	}
	return &Washer{mail: Mail{MaxBytes: config.MaxBytes, Leave: config.Leave}, comment: true}
}

func cleanPrefix(prefix string) string {
	prefix = strings.Map(func(r rune) rune {
		if r < 0x80 && (isAlnum(byte(r)) || r == '-' || r == '_') {
			return r
		}
		return -1
	}, prefix)
	return strings.TrimLeft(prefix, "0123456789-_")
}
