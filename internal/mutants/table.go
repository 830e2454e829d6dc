package main

// mutant is a defect for the tests to catch.
type mutant struct {
	file    string // relative to the module root, with slashes
	find    string // occurs exactly once
	replace string
	breaks  string // the defect, in a sentence
	tests   string // the names of the catching tests, separated by |
	worlds  int    // the number of worlds for TestWorldLives, if listed in tests
}

// mutants returns all mutants.
func mutants() []mutant {
	return []mutant{
		{"interceptor/place.go", "if p.given {", "if false {", "A place is given back twice.", "TestWorldLives", 2000},
		{"interceptor/place.go", "p.tellBreaker(codes.Failure{Class: codes.Ended}, nil)", "", "A place lapses and the breaker is not told.", "TestPlace_isGivenBackOnce", 0},
		{"interceptor/unary.go", "w.call.quit()", "", "A unary call whose life begins at once keeps what it holds at a panic.", "TestPlace_isGivenBackOnce|TestWorldLives", 2000},
		{"interceptor/place.go", "grpc.OnFinish(func(error) {", "grpc.OnFinish(func(error) { return;", "A stream that nobody reads holds its place after its end.", "TestPlace_isGivenBackOnce", 0},
		{"interceptor/place.go", "p.lapseAfter(", "_ = (", "A stream that is neither read nor cancelled holds its place for ever.", "TestPlace_isGivenBackOnce", 0},
		{"interceptor/place.go", "p.lapseWith(ctx)", "_ = ctx", "A stream that its connection has ended and nobody reads holds its place after its context.", "TestPlace_lapsesWithTheContext", 0},
		{"interceptor/place.go", "c.returnToken()", "", "A call that ends by a panic keeps the token of a retry.", "TestHooks_aPanicCostsNoToken|TestWorldLives", 2000},
		{"interceptor/place.go", "c.place.lapse()", "", "A call that ends by a panic keeps its place.", "TestPlace_isGivenBackOnce", 0},
		{"interceptor/stream_pending.go", "p.cancel() // also if an interceptor on the right panics", "", "The timer of an attempt that could not be opened goes on after a panic.", "TestAttemptTimeout_tokenAfterAPanic", 0},
		{"interceptor/attempt_timeout.go", "if !t.expired {", "{ t.patience.Close()", "A message after an attempt timeout loses the token for the retry.", "TestAttemptTimeout_keepsItsTokenWhileSending", 0},
		{"interceptor/attempt_timeout.go", "case t.expired:", "case false:", "The token of a stream that has timed out and is not read is lost.", "TestAttemptTimeout_tokenOfAnUnreadStream|TestAttemptTimeout_losesNoToken", 0},
		{"interceptor/stream_commit.go", "p.timer.last()", "", "An attempt is extended for a retry that its header rules out.", "TestAttemptTimeout_afterTheHeaderWithoutToken", 0},
		{"interceptor/hedge_race.go", "r.v.patient = policy.Patience{}", "", "A hedged attempt is extended.", "TestAttemptTimeout_isNotExtended", 0},
		{"policy/tally.go", "t.firstEnded, t.Elapsed = time.Time{}, 0", "t.firstEnded = time.Time{}", "The attempts of a fallback have the time of the first request.", "TestAttemptTimeout_afterAFallback", 0},
		{"interceptor/hedge_race.go", "a.place.lapse()", "", "The hedges that have lost keep their places.", "TestPlace_isGivenBackOnce", 0},
		{"interceptor/hedge_race.go", "return r.c.tryEnter()", "return true", "Hedges ask neither gate nor breaker.", "TestHedge_asksTheBreaker|TestHedge_asksTheGate", 0},
		{"interceptor/racer.go", "a.broken = recover()", "", "A hedge that panics ends the program.", "TestHedge_aPanicSurfaces", 0},
		{"interceptor/unary.go", "c.askBreaker()", "error(nil)", "The fallback of a unary call does not ask the breaker.", "TestFallback_asksTheBreaker", 0},
		{"interceptor/call.go", "if final := c.renew(); final != nil {\n\t\treturn final\n\t}\n\tgated, fellBack, waited := c.gated, c.fellBack, c.waited\n\tif final := c.enter(); final != nil || c.fellBack != fellBack {\n\t\treturn final\n\t}", "gated, fellBack, waited := c.gated, c.fellBack, c.waited\n\tif final := c.enter(); final != nil || c.fellBack != fellBack {\n\t\treturn final\n\t}\n\tif final := c.renew(); final != nil {\n\t\treturn final\n\t}", "A retry refreshes its credentials after it has taken its place.", "TestRefresh_comesBeforeTheBreaker", 0},
		{"interceptor/hedge_race.go", "quit() {\n\tr.release()", "quit() {", "A hedge that was paid for and does not start keeps its token.", "TestWorldLives", 2000},
		{"interceptor/ready.go", "closed := c.r.conns.Begin(c.cc)", "closed := c.r.conns.Begin(c.cc)\n\tclosed = nil", "A call that waits before a retry outlives its connection.", "TestConnectionCloses_inABackoff", 0},
		{"interceptor/stream_end.go", "defer s.mu.Unlock()\n\tif over := s.over.Load(); over != nil {", "defer s.mu.Unlock()\n\tif over := s.over.Load(); over != nil && false {", "A committed stream ends twice.", "TestStream_endsOnce", 0},
		{"interceptor/stream_end.go", "s.finish(final)", "if broken := recover(); broken != nil { panic(broken) }\n\t\ts.finish(final)", "A committed stream whose observer panics does not end.", "TestStream_aPanicAtTheEndIsTheEnd", 0},
		{"interceptor/vanished.go", "return &vanished{}", "return err", "A stream that ends without a response has ended well.", "TestStream_withoutAnyResponse", 0},
		{"interceptor/results.go", "if !wanted(opts) {", "if true {", "An attempt that was given up writes the variables of the caller.", "TestStream_lateResultsOfAnAttemptGivenUp", 0},
		{"interceptor/internal/refresh/refresh.go", "current.left = true", "r.current = nil", "WithRefresh's function runs twice at a time.", "TestRefresh_neverTwiceAtATime", 0},
		{"interceptor/refresh.go", "&& !c.r.refresh.Runs(c.ctx)", "", "A call that WithRefresh's function makes waits for itself.", "TestRefresh_thatCallsOverTheSameConnection", 0},
		{"interceptor/stream_retry.go", "s.attempt = nil //", "//", "A stream whose retry panics on the right goes on with the attempt that has failed.", "TestStream_retryThatPanics", 0},
		{"interceptor/unary.go", "c.failure.Reach == codes.Unsent {", "c.failure.Reach == codes.Unsent && false {", "What a server says of a stream that it has begun to answer is believed again and again.", "TestUnprocessed_afterHeaders", 0},
		{"interceptor/trust.go", "return append(opts, t.proof)", "return opts", "What never got a stream is not known on the first call of a connection.", "TestFirstCall_unsent", 0},
		{"interceptor/error.go", "policy.ElapsedExhausted, policy.DeadlineTooNear,", "", "A call that has run out of time says that it failed for good.", "TestError_saysWhoGaveUp", 0},
		{"interceptor/route_wait.go", "c.r.gates.Leave(rt.stops[o.stop].waiter, gate.Wait)", "_ = rt", "A call keeps its places in the queues of targets that it passes by.", "TestTargets_allRefused", 0},
		{"interceptor/route_next.go", "rt != nil && rt.charged >= 0", "false", "The retries of class Quota are not counted for a call with targets.", "TestTargets_limits", 0},
		{"interceptor/route_wait.go", "if o.kind == queued {\n\t\t\tat = append", "if n == a.best {\n\t\t\tat = append", "A call waits at the gate whose hint is the shortest, and at no other.", "TestTargets_firstToOpen", 0},
		{"interceptor/route_choose.go", "c.r.gates.Press(key)", "false", "A call with nowhere else to go never finds out that a quota is not spent.", "TestTargets_spentForAWhile", 0},
		{"interceptor/route_next.go", "s.out, goesOn = true, true // files", "goesOn = true // files", "A target that the request cannot use is asked again.", "TestTargets_whatDoesNotTravel", 0},
		{"interceptor/route_next.go", "p.Why == policy.CallerEnded, p.Why == policy.NotRepeatable:", "p.Why == policy.CallerEnded:", "A request that may have run at a target runs again.", "TestTargets_endsAtTarget", 0},
		{"interceptor/route_next.go", "c.failure, c.err = rt.stands.failure, rt.stands.err", "_ = rt", "A call ends with the failure of a target that it could not use.", "TestTargets_whatDoesNotTravel", 0},
		{"interceptor/gate_wait.go", "c.r.gates.Refill(*p.spent)", "_ = 0", "A spent quota that accepts a scout stays closed.", "TestTargets_spentOpensEarly", 0},
		{"interceptor/gate_wait.go", "c.r.gates.Spend(c.gateKey(), p.scouts, f, err)", "_ = 0", "A spent quota is asked by every call.", "TestTargets_spent|TestTargets_allSpent", 0},
		{"policy/elsewhere.go", "if s.Elsewhere == SameConnection {", "if false {", "A server in trouble is asked at once for another model.", "TestTargets_trouble", 0},
		{"interceptor/target_conn.go", "opts[n].o.attemptOf != method {", "true {", "The attempts of two Retriers multiply at a target.", "TestTargets_connection", 0},
		{"interceptor/target_conn.go", "return context.WithValue(ctx, contextKey{}, opts[:n:n]), true", "return ctx, true", "A call that an interceptor of a target makes is not retried.", "TestTargets_nestedCalls", 0},
		{"interceptor/stream_target.go", "return adapted, nil", "_ = adapted\n\treturn m, nil", "The first message of a stream that begins at a target is not adapted.", "TestTargets_serverStream|TestTargets_bidi", 0},
		{"interceptor/stream_retry.go", "rt.setRequest(p.request())", "_ = rt", "The first message of a stream that moves is not adapted.", "TestTargets_serverStream", 0},
		{"interceptor/gate_key.go", "k.Quota += \" target=\" + c.name", "_ = s", "Two tiers of a model share a gate.", "TestTargets_ownKeys", 0},
		{"interceptor/resume.go", "c.route.stay()", "_ = 0", "A stream is resumed at another target.", "TestTargets_committedStream", 0},
		{"interceptor/fallback_gate.go", "c.leaveQueue(verdict)\n\tc.returnToken()", "c.returnToken()", "A call that has fallen back waits at the gate.", "TestFallback_atTheGate", 0},
		{"interceptor/fallback_gate.go", "before()", "_ = before", "A call whose fallback declines to answer has failed already.", "TestFallback_atTheGate", 0},
		{"interceptor/rest/exchange.go", "req = other", "_ = other", "A call over REST goes to the same model again.", "TestTransport_targets", 0},
		{"interceptor/rest/exchange.go", "x.drop()\n\tw := new(watch)", "w := new(watch)", "The responses of failed attempts stay open.", "TestTransport_closesWhatItLeaves", 0},
		{"interceptor/rest/name.go", "Tenant: tenantOf(req),", "", "Two API keys share a gate.", "TestTransport_gateKeys", 0},
		{"interceptor/rest/exchange.go", "case isEvents(x.req, x.resp):", "case false:", "A stream whose first event is an error has succeeded.", "TestTransport_streams", 0},
		{"interceptor/rest/failure.go", "&wholeBody{read: bytes.NewReader(seen),", "&wholeBody{read: bytes.NewReader(nil),", "The error that the caller gets has been read already.", "TestTransport_deliversTheLastAnswer", 0},
		{"interceptor/rest/exchange.go", ", Gone: !x.body.again()}", "}", "A retry is paid for whose body is gone.", "TestTransport_bodies|TestTransport_bodyAdvice", 0},
		{"interceptor/rest/body.go", "c.at < len(r.kept):", "false:", "A retry sends the rest of a body in place of the body.", "TestTransport_bodies|TestTransport_earlyAnswer", 0},
		{"interceptor/quotas.go", "_ = c.place.uses(cost)", "_ = cost", "The reply corrects no cost.", "TestQuotas_usage", 0},
		{"interceptor/quotas.go", "if c.r.gating.cost != nil {", "if false {", "A closed gate goes by bytes where the caller has said what a call takes.", "TestQuotas_size", 0},
		{"interceptor/stream_cost.go", "|| !held.uses(cost) {", "|| !held.uses(cost) || true {", "The first message of a stream goes whatever it takes.", "TestQuotas_firstMessage", 0},
		{"interceptor/stream_cost.go", "p.timer.pause()", "", "The time in which a first message waits for a limit counts as a timeout.", "TestQuotas_firstMessage", 0},
		{"interceptor/stream_cost.go", "if mine, _, _ := p.claim(n); !mine {", "if true {", "A stream is sent though its turn cannot come in time.", "TestQuotas_firstMessage", 0},
		{"interceptor/stream_cost.go", "p.stop()", "", "A stream that waits with its first message counts no more after a while.", "TestQuotas_goal", 0},
		{"interceptor/internal/gates/limit.go", "if k.generation == g.generation {", "if k.generation > 0 {", "Limits stay as they were at the first call.", "TestQuotas_reload", 0},
		{"policy/gate/limit.go", "f.Reach == codes.Answered && f.Class != codes.Ended:", "false:", "A call that the server has failed takes of a limit.", "TestQuotas_failed", 0},
		{"policy/gate/limit.go", "case m == refused:\n\t\tg.m.meter.correct(t.sent, amount{}.minus(t.took))", "case m == refused:", "A refused call takes of a limit.", "TestQuotas_lowered", 0},
		{"policy/gate/limit.go", "if t := &g.m.trial; t.sent.IsZero()", "if t := &g.m.trial; false", "A limit named in vain holds calls back for ever.", "TestQuotas_namedInVain", 0},
		{"policy/gate/limit.go", "takes := g.m.meter.fits(w.takes)", "takes := w.takes", "A call that takes more than a limit put in force since waits for ever.", "TestQuotas_reloadTooLow", 0},
		{"policy/gate/meter.go", "case limitsOf(s.quota)[u] == 0 && u != requests && !told:", "case false:", "A limit of tokens that a refusal names holds calls back by a guess.", "TestQuotas_guessed", 0},
		{"interceptor/stream_cost.go", "p.settle(false, cmp.Or(final, c.err))", "if final != nil { p.settle(false, cmp.Or(final, c.err)) }", "A stream whose observer panics while it is turned away never ends.", "TestQuotas_firstMessagePanics", 0},
	}
}
