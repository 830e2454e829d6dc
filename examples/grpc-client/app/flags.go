package app

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/reinvoke/reinvoke/examples/grpc-client/explain"
	"github.com/reinvoke/reinvoke/examples/grpc-client/gemini"
	"github.com/reinvoke/reinvoke/examples/grpc-client/server"
)

// options are the parsed command line.
type options struct {
	json        bool
	prompts     string // a file, "-" for standard input, "" for the demo
	out         string // a file, "" for standard output
	model       string // with the prefix "models/"
	parallel    int
	stream      bool
	rest        bool
	retryFailed bool
	endpoint    string // "" for the embedded server
	insecure    bool
	quota       server.Quota // of the embedded server
	gateOff     bool
	explain     string // an error, "-" for standard input, "" for none
	table       string // a file, "" for the default
	method      string // for explain
}

// parse reads the command line. The error is one line with the flag and the
// expected value, or [flag.ErrHelp].
func parse(args []string) (options, error) {
	o := options{model: gemini.DefaultModel, parallel: 4}
	fs := flag.NewFlagSet("grpc-client", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.BoolVar(&o.json, "json", o.json, "")
	fs.BoolVar(&o.stream, "stream", o.stream, "")
	fs.BoolVar(&o.rest, "rest", o.rest, "")
	fs.BoolVar(&o.insecure, "insecure", o.insecure, "")
	fs.BoolVar(&o.retryFailed, "retry-failed", o.retryFailed, "")
	fs.Func("prompts", "", into(&o.prompts, "a file, or - for standard input"))
	fs.Func("out", "", into(&o.out, "a file"))
	fs.Func("model", "", into(&o.model, "a name such as "+gemini.DefaultModel))
	fs.Func("explain", "", into(&o.explain, "an error, or - for standard input"))
	fs.Func("table", "", into(&o.table, "a file"))
	fs.Func("method", "", func(s string) error { o.method = s; return explain.CheckMethod(s) })
	fs.Func("endpoint", "", func(s string) error { o.endpoint = s; return checkEndpoint(s) })
	fs.Func("quota", "", func(s string) (err error) { o.quota, err = server.ParseQuota(s); return err })
	fs.Func("gate", "", func(s string) (err error) { o.gateOff, err = isOff(s); return err })
	fs.Func("parallel", "", func(s string) (err error) { o.parallel, err = number(s); return err })
	if err := fs.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, err
		}
		return o, errors.New(flagFault(err.Error()))
	}
	if fs.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: want flags only; -h lists them", fs.Arg(0))
	}
	o.model = "models/" + strings.TrimPrefix(o.model, "models/")
	return o, contradiction(o, given(fs))
}

// into returns a parser for a non-empty text.
func into(to *string, want string) func(string) error {
	return func(s string) error {
		if strings.TrimSpace(s) == "" {
			return errors.New("want " + want)
		}
		*to = s
		return nil
	}
}

// number parses a count, 1 to 1000.
func number(s string) (int, error) {
	const most = 1000 // more is a slip of the pen
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("want a whole number, 1 to %d", most)
	}
	return n, nil
}

// isOff parses a switch.
func isOff(s string) (bool, error) {
	switch s {
	case "on":
		return false, nil
	case "off":
		return true, nil
	}
	return false, errors.New("want on or off")
}

// checkEndpoint returns an error unless s is host:port.
func checkEndpoint(s string) error {
	host, port, err := net.SplitHostPort(s)
	n, portErr := strconv.Atoi(port)
	if err != nil || portErr != nil || host == "" || strings.ContainsAny(host, "/ ") || n < 1 || n > 65535 {
		return errors.New("want host:port, as generativelanguage.googleapis.com:443")
	}
	return nil
}

// flagFault adds the expected value to those errors of package flag without
// one.
func flagFault(message string) string {
	switch {
	case strings.HasPrefix(message, "invalid boolean value"):
		return strings.TrimSuffix(message, ": parse error") + ": want true or false"
	case strings.HasPrefix(message, "flag provided but not defined: "):
		return "unknown flag " + strings.TrimPrefix(message, "flag provided but not defined: ") + ": want one of those that -h lists"
	case strings.HasPrefix(message, "flag needs an argument: "):
		return strings.TrimPrefix(message, "flag needs an argument: ") + ": want a value after the flag"
	}
	return message
}

// given returns the flags of the command line.
func given(fs *flag.FlagSet) map[string]bool {
	set := map[string]bool{}
	fs.Visit(func(f *flag.Flag) { set[f.Name] = true })
	return set
}

// contradiction returns an error for flags without a meaning together.
func contradiction(o options, given map[string]bool) error {
	for _, name := range []string{"out", "parallel", "stream", "rest", "retry-failed", "quota", "gate"} {
		if given[name] && o.prompts == "" {
			return fmt.Errorf("-%s: want -prompts with it", name)
		}
	}
	for _, name := range []string{"table", "method"} {
		if given[name] && o.explain == "" {
			return fmt.Errorf("-%s: want -explain with it", name)
		}
	}
	if o.explain != "" {
		for _, name := range []string{"prompts", "endpoint"} {
			if given[name] {
				return fmt.Errorf("-explain: want it without -%s", name)
			}
		}
	}
	switch {
	case given["model"] && o.prompts == "" && o.endpoint == "":
		return errors.New("-model: want -prompts or -endpoint with it")
	case o.model == "models/":
		return errors.New("-model: want a name such as " + gemini.DefaultModel)
	case o.retryFailed && o.out == "":
		return errors.New("-retry-failed: want -out with it, the file of the earlier run")
	case given["quota"] && o.endpoint != "":
		return errors.New("-quota: want it without -endpoint, whose service has a quota of its own")
	case o.insecure && o.endpoint == "":
		return errors.New("-insecure: want -endpoint with it")
	case o.insecure && !isLoopback(o.endpoint):
		return fmt.Errorf("-insecure: want a loopback address at -endpoint, not %s: the key would travel in plain text", o.endpoint)
	}
	return nil
}

func isLoopback(endpoint string) bool {
	host, _, _ := net.SplitHostPort(endpoint)
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
