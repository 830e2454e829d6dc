// Package gate makes the calls of a channel wait together. When a server refuses
// calls, each of them could find out by itself, be told to come back, and come back
// with all others; a [Gate] closes for all calls of a quota after the first
// refusal, lets them through in the order in which they came when the time has
// come, and no faster than the server was seen to accept them.
//
// A gate is open, and calls go through as they come, or at a pace. It closes
//
//   - for a time, after a refusal that names one: for that time and up to a
//     quarter more, and longer if calls that have waited it out are refused again;
//   - until a probe succeeds, after a refusal that does not name one, and in
//     trouble, that is, when calls fail one after the other on a channel that was
//     well: one call at a time goes through, after a backoff.
//
// Then it opens, and calls leave at the pace that was measured: what the server
// accepted from one reopening to the next, and a tenth more, because asking for too
// little wastes what no one else can use. If a cycle passes without a refusal, the
// pace grows. After trouble the calls under way are bounded as well, since a
// server in trouble is hurt by what is too much.
//
// A call whose turn cannot come before its deadline is refused at once; one
// without a deadline waits for a minute, and then goes through.
//
// Everything here is a pure state machine: time and dice come in as arguments,
// nothing sleeps, and nothing is safe for concurrent use. Package interceptor owns
// the gates of its channels, with a lock and one timer for each; most users only
// choose figures, in policy.GateConfig. The simulation in bench/fleet drives the
// same code.
package gate
