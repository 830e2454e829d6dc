package app

import "github.com/reinvoke/reinvoke/examples/grpc-client/gemini"

// help is the text of -h. docs/program.md has the fields of the JSON lines.
const help = `usage: grpc-client [flags]

Without flags it plays a script of failures against a Gemini server of its own,
shows what the retries make of them, and exits with 0 if every call ended as the
policy says.

  -json             print JSON lines instead of text, each an object with a "type";
                    in every mode
  -endpoint H:P     talk to the real service at host:port, with the key in GEMINI_API_KEY:
                    generativelanguage.googleapis.com:443
  -insecure         speak plain text to -endpoint; for a loopback address only

  -prompts FILE     answer the prompts in FILE, one a line; "-" reads standard input
  -out FILE         write the results to FILE instead of standard output. The same
                    command again goes on where it was interrupted; prompts may be
                    added at the end
  -retry-failed     ask the prompts again that failed in an earlier run with the same -out
  -parallel N       ask N prompts at a time (default 4)
  -model NAME       ask this model (default ` + gemini.DefaultModel + `)
  -stream           ask for streamed answers
  -rest             ask over REST instead of gRPC, with the same retries
  -quota R[/T]      the embedded server allows R requests a minute, and T tokens (words)
                    in them; the minutes are real ones
  -gate on|off      off: prompts do not wait for each other's quota (default on)

  -explain ERROR    say what would become of a call that fails with ERROR: a status
                    ("UNAVAILABLE: text"), the text of a gRPC error in Go, Java, Python
                    or JavaScript, of a REST client or of HTTP, a line of a log, or the
                    JSON of an API's error; "-" reads standard input
  -table FILE       explain it with this policy file or gRPC service config
  -method NAME      for this method, /package.Service/Method, whatever ERROR names

The results of -prompts are JSON lines in the order of the prompts: line, server, model,
prompt, answer, attempts, waited (seconds), error (null if there is none), class. What
else there is to say goes to standard error: progress (a bar on a terminal, a line every
5 s elsewhere), and at the end how many prompts failed for which reason.

The lines of -json, by "type":
  demo, -endpoint   policy, attempt, gate, call (one a scene), summary
  -prompts          batch, result (unless there is an -out), progress (every 5 s),
                    interrupted, summary
  -explain          explanation

Without -endpoint the server is the embedded one: it makes its answers up and
fails some prompts once or twice, unless it has a -quota. It fails for good those that
begin with !daily, !zero, !key, !request or !blocked, and streamed ones that begin with
!midway after a chunk.

exit status:
    0   all is well
    1   a call did not end as it should, a prompt failed, or the output could not be
        written
    2   the command line, a file or the key is wrong
  130   interrupted, by SIGINT or SIGTERM, with work left
`
