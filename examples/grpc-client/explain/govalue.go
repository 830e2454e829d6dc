package explain

import (
	"regexp"
	"strings"
)

// A map[string]any of package fmt has no quotes: the end of a text and the beginning of
// the next entry are guessed from the keys, because fmt sorts keys.

// goValue reads a value in the form of fmt's %v: a map, a list, or else a text up to the
// next closing bracket of an outer value. rest is the text after the value.
func goValue(text string) (value any, rest string) {
	switch {
	case strings.HasPrefix(text, "map["):
		return goMap(text[len("map["):])
	case strings.HasPrefix(text, "["):
		return goList(text[1:])
	}
	end := bracketEnd(text)
	return text[:end], text[end:]
}

// goList reads the items of a list of maps or lists; any other list is one text.
func goList(text string) (list []any, rest string) {
	for text != "" && text[0] != ']' {
		var item any
		item, text = goValue(text)
		list = append(list, item)
		text = strings.TrimPrefix(text, " ")
	}
	return list, strings.TrimPrefix(text, "]")
}

// goKey begins an entry of a map.
var goKey = regexp.MustCompile(`^ ?([@\w][\w@./-]*):`)

// goMap reads the entries of a map.
func goMap(text string) (entries map[string]any, rest string) {
	entries = map[string]any{}
	for {
		m := goKey.FindStringSubmatch(text)
		if m == nil {
			break
		}
		key := m[1]
		text = text[len(m[0]):]
		if strings.HasPrefix(text, "map[") || strings.HasPrefix(text, "[") {
			value, after := goValue(text)
			if after == "" || after[0] == ']' || goKey.MatchString(after) { // else the map was a text
				entries[key], text = value, after
				continue
			}
		}
		end := goTextEnd(text, key)
		entries[key], text = text[:end], text[end:]
	}
	return entries, strings.TrimPrefix(text[bracketEnd(text):], "]")
}

// goTextEnd returns the end of a text in a map: before the next entry, with a key greater
// than key and no scheme of an address, or before the end of the map.
func goTextEnd(text, key string) int {
	end := bracketEnd(text)
	for i := range end {
		if text[i] != ' ' {
			continue
		}
		m := goKey.FindStringSubmatch(text[i:])
		if m == nil || m[1] <= key {
			continue
		}
		after := text[i+len(m[0]):]
		if !strings.HasPrefix(after, "//") && !strings.HasPrefix(after, " ") {
			return i
		}
	}
	return end
}

// bracketEnd returns the index of the next closing bracket of an outer value, or the
// length of the text.
func bracketEnd(text string) int {
	depth := 0
	for i := range len(text) {
		switch text[i] {
		case '[':
			depth++
		case ']':
			if depth--; depth < 0 {
				return i
			}
		}
	}
	return len(text)
}
