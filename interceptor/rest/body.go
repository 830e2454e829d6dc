package rest

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// nextBody returns the body of the next attempt.
func (x *exchange) nextBody() (io.ReadCloser, error) {
	first := x.body == nil
	if first {
		x.body = x.replay()
	}
	switch {
	case x.body.src != nil:
		return x.body.next()
	case first || x.req.Body == nil || x.req.Body == http.NoBody:
		return x.req.Body, nil
	}
	return x.req.GetBody()
}

// replay returns the keeper of the body. With GetBody it keeps nothing.
func (x *exchange) replay() *replayed {
	if x.req.Body == nil || x.req.Body == http.NoBody || x.req.GetBody != nil {
		return &replayed{}
	}
	return &replayed{src: x.req.Body, limit: x.t.r.ReplayBuffer(x.req.Context(), x.describe().Method)}
}

// replayed is a body without GetBody, kept while being sent, up to a
// limit. The zero value keeps nothing, and lets a body be sent again. A replayed is used
// by the attempts one after the other; but an ended attempt may still be reading.
type replayed struct {
	src   io.ReadCloser // nil for nothing to keep
	limit int

	mu      sync.Mutex
	kept    []byte
	end     error // of src; nil before the end
	lost    bool  // more was read than is kept
	busy    bool  // src is being read
	current *copied
	final   bool // there is no further attempt
	closed  bool // src is closed
}

// errGone is the error for a body not kept.
var errGone = errors.New("rest: the body is not kept")

// next returns the body for the next attempt.
func (r *replayed) next() (io.ReadCloser, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost || r.busy {
		return nil, errGone
	}
	r.current = &copied{of: r}
	return r.current, nil
}

// again reports whether the body can be sent once more.
func (r *replayed) again() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.src == nil || !r.lost && !r.busy && (r.end == nil || r.end == io.EOF) //nolint:errorlint // the end of a reader is io.EOF itself
}

// done says: no further attempt. The body is closed as soon as the last
// attempt has closed it.
func (r *replayed) done() {
	if r == nil || r.src == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.final = true
	r.closeSource()
}

// closeSource closes the body if nobody needs it any more. The lock is held.
func (r *replayed) closeSource() {
	if r.final && !r.closed && (r.current == nil || r.current.closed) {
		r.closed, r.kept = true, nil
		_ = r.src.Close()
	}
}

// copied is the body of one attempt.
type copied struct {
	of     *replayed
	at     int
	closed bool
}

// Read implements io.Reader.
func (c *copied) Read(p []byte) (int, error) {
	r := c.of
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case c.closed || r.current != c:
		return 0, http.ErrBodyReadAfterClose
	case c.at < len(r.kept):
		n := copy(p, r.kept[c.at:])
		c.at += n
		return n, nil
	case r.end != nil:
		return 0, r.end
	}
	r.busy = true
	r.mu.Unlock() // src may block
	n, err := r.src.Read(p)
	r.mu.Lock()
	r.busy, r.end = false, err
	if r.lost = r.lost || len(r.kept)+n > r.limit; r.lost {
		r.kept = nil
	} else {
		r.kept = append(r.kept, p[:n]...)
		c.at += n
	}
	return n, err
}

// Close implements io.Closer.
func (c *copied) Close() error {
	r := c.of
	r.mu.Lock()
	defer r.mu.Unlock()
	c.closed = true
	r.closeSource()
	return nil
}
