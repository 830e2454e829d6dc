package gate

import "time"

const (
	// smaller is how many times smaller than a refused request a request must be to pass a
	// closed gate. Judgement: token quotas count tokens, and of two requests with as many
	// bytes one may have twice as many tokens.
	smaller = 2
	// large is the least size of a refused request, in bytes, that may have been too large.
	// Judgement: some hundred tokens, below which prompts cost about the same.
	large = 1 << 10
	// sizesTried is how many small requests are refused in a closing before size is known
	// not to matter.
	sizesTried = 2
)

// small tracks the calls that pass the closed gate because their requests are clearly
// smaller than the refused requests. A token quota refuses a large prompt and accepts small
// prompts. The first small call goes alone; the others follow after a success.
type small struct {
	most     int       // largest size in bytes; zero for none
	accepted bool      // the others may follow
	sent     time.Time // when the first call was sent; zero for none under way
	refused  int
}

// begin starts with a refused request of size bytes.
func (s *small) begin(size int) {
	*s = small{}
	if size >= large {
		s.most = size / smaller
	}
}

// fits reports whether the request of a call is small.
func (s *small) fits(w *Waiter) bool { return w.Size > 0 && w.Size <= s.most }

// mayGo reports whether a small call may pass now.
func (s *small) mayGo(now time.Time, w *Waiter) bool {
	return s.fits(w) && (s.accepted || s.sent.IsZero()) && !w.Due.After(now)
}

// sizes handles the answer to a small call.
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

// smallAccepted lets all waiting small calls follow.
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
