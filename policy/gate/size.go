package gate

import "time"

const (
	// smaller is how many times smaller than a refused request one must be to pass a
	// closed gate. Judgement: quotas of tokens are counted in tokens, of which as many
	// bytes may have twice as many.
	smaller = 2
	// large is the least size of a refused request, in bytes, that may have been too
	// large. Judgement: some hundred tokens, below which prompts cost about the same.
	large = 1 << 10
	// sizesTried is how many such requests are refused in a closing before size is
	// known not to matter.
	sizesTried = 2
)

// small is the calls that pass the closed gate because their requests are clearly
// smaller than those that were refused. A quota of tokens refuses a large prompt and
// takes small ones. The first of them goes alone; the others follow when it is
// accepted.
type small struct {
	most     int       // bytes; zero for none
	accepted bool      // so that the others may follow
	sent     time.Time // when the first was sent; zero for none under way
	refused  int
}

// begin begins with a refused request of so many bytes.
func (s *small) begin(size int) {
	*s = small{}
	if size >= large {
		s.most = size / smaller
	}
}

// fits reports whether the call is one of them.
func (s *small) fits(w *Waiter) bool { return w.Size > 0 && w.Size <= s.most }

// mayGo reports whether it may go now.
func (s *small) mayGo(now time.Time, w *Waiter) bool {
	return s.fits(w) && (s.accepted || s.sent.IsZero()) && !w.Due.After(now)
}

// sizes takes the answer to a small call.
func (g *Gate) sizes(now time.Time, t Ticket, m meaning) {
	if t.sent.Equal(g.small.sent) {
		g.small.sent = time.Time{}
	}
	switch m {
	case accepted:
		g.smallAccepted(now)
	case refused:
		refused := g.small.refused + 1
		g.small.begin(min(t.size, smaller*g.small.most))
		if g.small.refused = refused; refused >= sizesTried {
			g.m.unsized = now.Add(doubtFor)
			g.small = small{}
		}
	case troubled, unknown:
	}
}

// smallAccepted lets all small calls follow that wait.
func (g *Gate) smallAccepted(now time.Time) {
	g.small.accepted = true
	for w := g.queue.first; w != nil; {
		next := w.next
		if g.small.mayGo(now, w) {
			g.queue.free(w)
		}
		w = next
	}
}
