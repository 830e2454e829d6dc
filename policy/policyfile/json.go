package policyfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
)

// parseJSON reads a JSON document.
func parseJSON(data []byte) (*node, error) {
	p := &jsonParser{data: data, decoder: json.NewDecoder(bytes.NewReader(data)), line: 1}
	p.decoder.UseNumber()
	n, err := p.value()
	if err == nil {
		if _, err = p.decoder.Token(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err == nil {
			return nil, &Error{Line: p.here(), Problem: "more after the end of the object: want one JSON object"}
		}
	}
	return nil, p.explain(err)
}

// jsonParser turns tokens into nodes.
type jsonParser struct {
	data    []byte
	decoder *json.Decoder
	line    int // at the end of the counted bytes
	counted int // bytes searched for newlines so far
	depth   int
}

// here returns the line of the last token.
func (p *jsonParser) here() int {
	p.line, p.counted = p.line+bytes.Count(p.data[p.counted:p.decoder.InputOffset()], []byte("\n")), int(p.decoder.InputOffset())
	return p.line
}

// cutShort is the text of encoding/json for an incomplete document, from Go 1.27 on.
const cutShort = "unexpected end of JSON input"

// explain returns a syntax error with its line.
func (p *jsonParser) explain(err error) error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	at := p.decoder.InputOffset()
	syntax, faulty := errors.AsType[*json.SyntaxError](err)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), faulty && syntax.Error() == cutShort:
		at, err = int64(len(p.data)), errors.New("it ends in the middle")
	case faulty:
		at = min(syntax.Offset, int64(len(p.data)))
	}
	return &Error{Line: 1 + bytes.Count(bytes.TrimRight(p.data[:at], "\n"), []byte("\n")), Problem: "not JSON: " + err.Error()}
}

func (p *jsonParser) value() (*node, error) {
	t, err := p.decoder.Token()
	if err != nil {
		return nil, err
	}
	n := &node{line: p.here()}
	switch t := t.(type) {
	case json.Delim:
		if p.depth++; p.depth > mostDepth {
			return nil, tooDeep(n.line)
		}
		defer func() { p.depth-- }()
		if t == '{' {
			return n, p.object(n)
		}
		return n, p.list(n)
	case string:
		n.kind, n.text = quoted, t
	case json.Number:
		n.kind, n.text = word, t.String()
	case bool:
		n.kind, n.text = word, strconv.FormatBool(t)
	}
	return n, nil
}

func (p *jsonParser) object(n *node) error {
	n.kind = object
	for p.decoder.More() {
		t, err := p.decoder.Token()
		if err != nil {
			return err
		}
		k := key{line: p.here()}
		k.name, _ = t.(string) // the decoder accepts only strings here
		if k.value, err = p.value(); err != nil {
			return err
		}
		n.keys = append(n.keys, k)
	}
	_, err := p.decoder.Token()
	return err
}

func (p *jsonParser) list(n *node) error {
	n.kind = list
	for p.decoder.More() {
		item, err := p.value()
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	_, err := p.decoder.Token()
	return err
}

// looksLikeJSON reports whether a document begins like a JSON object.
func looksLikeJSON(data []byte) bool {
	rest, ok := strings.CutPrefix(strings.TrimSpace(string(data)), "{")
	rest = strings.TrimSpace(rest)
	return ok && (strings.HasPrefix(rest, `"`) || strings.HasPrefix(rest, "}") || rest == "")
}
