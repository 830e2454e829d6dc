// Package gate makes the calls of a channel wait together while a server refuses calls.
// Without a gate each call is refused by itself, is told to come back, and comes back with
// all the others. A [Gate] closes for all calls of a quota, reopens when the server has
// said, and then lets the calls through in order of arrival, at the pace at which the
// server was seen to accept calls.
//
// # States
//
// An open gate lets calls through as they come, or at a pace. A gate closes
//
//   - for a time, after a refusal with a hint (the delay that the server asks for): for
//     the hint and up to a quarter more, and longer if calls are refused again after the
//     hint was waited out;
//   - until a probe succeeds, after a refusal without a hint, and in trouble, that is,
//     when calls fail in a row on a healthy channel. One call at a time goes through as
//     a probe, after a backoff.
//
// The gate then reopens, and calls leave at the measured pace: the calls accepted in the
// last cycle, from one reopening to the next, and a tenth more. Asking for too little would
// waste quota that nobody else can use. After a cycle without a refusal the pace grows.
// After trouble the gate also bounds the calls under way, since excess load hurts a server
// in trouble.
//
// # Never worse than no gate
//
// A refusal may concern only one large request, one user or one instance, and a hint is a
// guess. So the gate believes refusals with care:
//
//   - Chance. Where calls come fast, the gate closes only after more refusals in a row than
//     the usual share of refused calls explains. A refused call always waits out its own
//     hint.
//   - Scouts. From time to time the oldest call without an attempt goes through the closed
//     gate: after a second, and then half as often with each refused scout. An accepted
//     scout opens the gate. Calls with no deadline at risk scout during a long hint, and
//     after a short hint if enough calls come to afford the extra request.
//   - Doubt. After a call was accepted before the end of a hint, hints are in doubt for five
//     minutes: only several refusals in a row close the gate. A [Memory] keeps the doubt.
//   - Size. Calls with clearly smaller requests than the refused request go through, as
//     long as the server accepts these calls.
//   - Slow answers. A call not refused within several times the usual delay of a refusal
//     counts as accepted, because an accepted call to a model may take half a minute.
//   - Pace. The gate enforces a pace only after a cycle with 16 accepted calls or more, and
//     while refusals stay rare. Otherwise the gate spaces only waiting calls. The pace is
//     never below the rate of accepted calls in the minute before the gate closed, because
//     the next measurement would confirm a pace that is too slow.
//
// After trouble calls come back slowly, and probes are rare. A call never sent is not turned
// away for that:
//
//   - A call that cannot wait for the next probe is the probe, if nobody waits and no probe is
//     under way.
//   - A call whose turn after trouble would come too late leaves at once, beside the pace; a
//     waiting call leaves at its last moment. Together such calls are the load of a fleet
//     without retries.
//   - After a probe that ended without an answer, the next probe is a call with as much time
//     left, or half of its time.
//
// Measured (bench/fleet -only B3,B4 -deadline 5s, 1,000 clients): .92 and .91 of the calls
// succeed, .87 and .86 without these rules, .92 and .91 without retries.
//
// Otherwise a call is refused at once if its turn cannot come before its deadline and no scout
// can save the call. A call without a deadline waits at most a minute, and then goes through. A
// channel with fewer than 3 calls a minute cannot afford scouts except where a deadline is
// near.
//
// # Known limits
//
// Where limits are known ([Memory.Limit]), calls take of the limits over a window that rolls,
// and an open gate lets a call through only if there is room. No wait and no deadline is a
// reason to exceed a configured limit. A limit named by a refusal only spaces waiting calls
// with time to wait, and now and then one of these tries whether there is room after all.
//
// # Priorities
//
// Waiting calls stand in three bands, one for each priority, and leave in order of arrival
// within a band. A lower band has a turn out of order at least every ten seconds, or as every
// fifth call. The lowest band leaves room for the others: under known limits all calls together
// leave evenly; without, and while others come, about as fast as calls were accepted before the
// last refusals. It hurries no pace, and waits for more than a minute.
//
// The package is a pure state machine: time and random numbers come in as arguments,
// nothing sleeps, and nothing is safe for concurrent use. Package interceptor owns the
// gates of its channels and adds the lock and the timers; most users only choose figures,
// in policy.GateConfig. The simulation in bench/fleet drives the same code.
package gate
