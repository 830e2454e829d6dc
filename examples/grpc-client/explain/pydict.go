package explain

import (
	"encoding/json"
	"strconv"
	"strings"
)

// pythonJSON returns the dict at the beginning of a text as JSON. Anything but a dict
// gives invalid JSON.
func pythonJSON(text string) json.RawMessage {
	var b strings.Builder
	depth := 0
	for i := 0; i < len(text); {
		switch c := text[i]; {
		case c == '\'' || c == '"':
			value, size := pythonString(text[i:])
			quoted, _ := json.Marshal(value) // no string fails
			b.Write(quoted)
			i += size
			continue
		case isLetter(c):
			end := i
			for end < len(text) && isLetter(text[end]) {
				end++
			}
			b.WriteString(pythonWord(text[i:end]))
			i = end
			continue
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		b.WriteByte(text[i])
		i++
		if depth == 0 {
			break
		}
	}
	return json.RawMessage(b.String())
}

func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// pythonWord returns a name of Python's in JSON.
func pythonWord(word string) string {
	switch word {
	case "True", "False":
		return strings.ToLower(word)
	case "None":
		return "null"
	}
	return word
}

// pythonString reads a string in the form of repr at the beginning of a text: in single
// quotes, or in double quotes around single quotes. size is the length in bytes.
func pythonString(text string) (value string, size int) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch c := text[i]; {
		case c == text[0]:
			return b.String(), i + 1
		case c == '\\' && i+1 < len(text):
			char, used := pythonEscape(text[i+1:], text[0])
			b.WriteString(char)
			i += used
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), len(text)
}

// pythonEscape reads the text after a backslash. Go's escapes are the same, except for
// \xe9: a character, not a byte.
func pythonEscape(text string, quote byte) (char string, used int) {
	r, _, rest, err := strconv.UnquoteChar(`\`+text, quote)
	if err != nil {
		return text[:1], 1
	}
	return string(r), len(text) - len(rest)
}
