package targets_test

import (
	"sync"
	"testing"
	"time"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/internal/grpctest"
)

// aMinute accepts so many requests in each minute since the beginning, and tells the others
// when the next minute begins.
func (h *house) aMinute(quota int) func(int) error {
	window, used := time.Duration(-1), 0
	return func(int) error {
		now := time.Since(h.began)
		if w := now / time.Minute; w != window {
			window, used = w, 0
		}
		if used++; used <= quota {
			return nil
		}
		return grpctest.Hinted((window+1)*time.Minute - now)
	}
}

// batch makes calls by a number of workers, and returns how long they took and how many
// failed.
func (p *program) batch(calls, workers int, think time.Duration) (took time.Duration, failed int) {
	began := time.Now()
	work := make(chan struct{}, calls)
	for range calls {
		work <- struct{}{}
	}
	close(work)
	var wg sync.WaitGroup
	var mu sync.Mutex
	for range workers {
		wg.Go(func() {
			for range work {
				_, _, err := p.call()
				mu.Lock()
				if err != nil {
					failed++
					p.Log(time.Since(began), err)
				}
				mu.Unlock()
				time.Sleep(think)
			}
		})
	}
	wg.Wait()
	return time.Since(began), failed
}

// TestTargets_batch: a batch of 240 calls through two models of 60 a minute takes half the
// time of one model, and a closed model gets no request but its scouts.
func TestTargets_batch(t *testing.T) {
	for _, workers := range []int{1, 4, 20} {
		times := map[string]time.Duration{}
		for name, opt := range map[string]interceptor.Option{"one model": interceptor.WithTargets(), "two models": interceptor.WithTargets(to("b"))} {
			h := &house{}
			h.answers = map[string]func(int) error{"a": h.locked(h.aMinute(60)), "b": h.locked(h.aMinute(60))}
			run(t, h, func(p *program) {
				took, failed := p.batch(240, workers, 50*time.Millisecond)
				if failed > 0 {
					t.Errorf("%d workers, %s: %d of 240 calls failed", workers, name, failed)
				}
				times[name] = took
				t.Logf("%d workers, %s: %v, %d and %d requests", workers, name, took, len(h.asked("a")), len(h.asked("b")))
				if refused := len(h.asked("a")) + len(h.asked("b")) - 240; refused > 12*workers {
					t.Errorf("%d workers, %s: %d refused requests", workers, name, refused)
				}
			}, opt)
		}
		if one, two := times["one model"], times["two models"]; two > 2*time.Minute || one < 3*time.Minute {
			t.Errorf("%d workers: %v with two models, %v with one: want the second half of the time", workers, two, one)
		}
	}
}

// locked lets a server ask answer from several calls at once.
func (h *house) locked(answer func(int) error) func(int) error {
	var mu sync.Mutex
	return func(n int) error {
		mu.Lock()
		defer mu.Unlock()
		return answer(n)
	}
}
