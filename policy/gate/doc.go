// Package gate makes the calls of a channel wait together. When a server refuses
// calls, each of them could find out by itself, be told to come back, and come back
// with all others; a [Gate] closes for all calls of a quota, lets them through in the
// order in which they came when the time has come, and no faster than the server was
// seen to accept them.
//
// # States
//
// A gate is open, and calls go through as they come, or at a pace. It closes
//
//   - for a time, after a refusal that names a time: for that time and up to a
//     quarter more, and longer if calls that have waited it out are refused again;
//   - until a probe succeeds, after a refusal that names no time, and in trouble,
//     that is, when calls fail one after the other on a channel that was well: one
//     call at a time goes through, after a backoff.
//
// Then it opens, and calls leave at the pace that was measured: what the server
// accepted from one reopening to the next, and a tenth more, because asking for too
// little wastes what no one else can use. If a cycle passes without a refusal, the
// pace grows. After trouble the calls under way are bounded as well, since a
// server in trouble is hurt by what is too much.
//
// # Never worse than no gate
//
// A refusal may have been meant for one large request, one user or one instance, and
// the time that it names is a guess. So a refusal is believed with care:
//
//   - Chance. Where calls come fast, the gate closes only after more refusals in a row
//     than chance explains, as often as calls are refused anyway. A refused call always
//     waits out its own time.
//   - Scouts. From time to time a call goes through the closed gate, the oldest that has
//     made no attempt: after a second, and then half as often with each scout that is
//     refused. A scout that is accepted opens the gate. Calls that merely wait scout
//     where the time named is long, and where enough calls come to afford it.
//   - Doubt. After a call was accepted before the time that the server had named, only
//     several refusals in a row close the gate, for five minutes. A [Memory] keeps that.
//   - Size. Calls with clearly smaller requests than the refused one go through, as long
//     as they are accepted.
//   - Slow answers. A call that was not refused within some times what refusals take
//     counts as accepted: what a model accepts may take half a minute.
//   - Pace. A pace is enforced only where 16 calls or more were accepted in a cycle, and
//     while refusals stay rare. Otherwise only those that wait are spaced. It is never
//     slower than calls were accepted in the minute before the gate closed, because a
//     pace that was too slow would be measured again.
//
// A call whose turn cannot come before its deadline, and that no scout can save, is
// refused at once; one without a deadline waits for a minute, and then goes through. A
// channel that is too quiet to afford it, with fewer than 3 calls a minute, scouts only
// where a deadline is near.
//
// Everything here is a pure state machine: time and dice come in as arguments,
// nothing sleeps, and nothing is safe for concurrent use. Package interceptor owns
// the gates of its channels, with a lock and a timer for each; most users only
// choose figures, in policy.GateConfig. The simulation in bench/fleet drives the
// same code.
package gate
