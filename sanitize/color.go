package sanitize

import "strings"

// color appends a CSS colour in lower case: a name, #rgb, #rgba, #rrggbb, #rrggbbaa, or rgb(), rgba(), hsl(), hsla()
// of plain numbers.
func color(dst []byte, value string) ([]byte, bool) {
	switch {
	case value == "" || len(value) > 64:
		return dst, false
	case value[0] == '#':
		if n := len(value) - 1; (n == 3 || n == 4 || n == 6 || n == 8) && isHex(value[1:]) {
			return appendLower(dst, value), true
		}
		return dst, false
	case value[len(value)-1] == ')':
		return colorFunction(dst, value)
	}
	var buf [24]byte
	if len(value) > len(buf) {
		return dst, false
	}
	low := appendLower(buf[:0], value)
	if !colorNames[string(low)] {
		return dst, false
	}
	return append(dst, low...), true
}

func colorFunction(dst []byte, value string) ([]byte, bool) {
	name, args, _ := strings.Cut(value[:len(value)-1], "(")
	switch strings.ToLower(name) {
	case "rgb", "rgba", "hsl", "hsla":
	default:
		return dst, false
	}
	if args == "" {
		return dst, false
	}
	for i := range len(args) {
		if c := args[i]; !(c >= '0' && c <= '9') && !strings.ContainsRune(" .,%/", rune(c)) {
			return dst, false
		}
	}
	return appendLower(dst, value), true
}

func appendLower(dst []byte, s string) []byte {
	for i := range len(s) {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// colorNames are the named colours of CSS Color Module Level 4, 6.1, with transparent and currentcolor.
var colorNames = wordSet(`aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown
	burlywood cadetblue chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgoldenrod darkgray
	darkgreen darkgrey darkkhaki darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen darkslateblue
	darkslategray darkslategrey darkturquoise darkviolet deeppink deepskyblue dimgray dimgrey dodgerblue firebrick floralwhite
	forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey honeydew hotpink indianred indigo ivory
	khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan lightgoldenrodyellow lightgray lightgreen
	lightgrey lightpink lightsalmon lightseagreen lightskyblue lightslategray lightslategrey lightsteelblue lightyellow lime
	limegreen linen magenta maroon mediumaquamarine mediumblue mediumorchid mediumpurple mediumseagreen mediumslateblue
	mediumspringgreen mediumturquoise mediumvioletred midnightblue mintcream mistyrose moccasin navajowhite navy oldlace olive
	olivedrab orange orangered orchid palegoldenrod palegreen paleturquoise palevioletred papayawhip peachpuff peru pink plum
	powderblue purple rebeccapurple red rosybrown royalblue saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue
	slateblue slategray slategrey snow springgreen steelblue tan teal thistle tomato turquoise violet wheat white whitesmoke
	yellow yellowgreen transparent currentcolor windowtext window`)

func wordSet(list string) map[string]bool {
	words := make(map[string]bool)
	for w := range strings.FieldsSeq(list) {
		words[w] = true
	}
	return words
}
