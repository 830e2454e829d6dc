package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/reinvoke/reinvoke/examples/grpc-client/exit"
)

func TestRun_badUse(t *testing.T) {
	t.Parallel()
	prompts := writeFile(t, "prompts.txt", "hello\n")
	dir := filepath.Dir(prompts)
	for name, test := range map[string]struct {
		args []string
		want []string
	}{
		"an unknown flag":              {[]string{"-nope"}, []string{"-nope", "-h"}},
		"an argument":                  {[]string{"demo"}, []string{`"demo"`, "want flags only"}},
		"a value missing":              {[]string{"-prompts"}, []string{"-prompts", "want a value"}},
		"an empty file name":           {[]string{"-prompts", ""}, []string{"-prompts", "want a file"}},
		"a bad switch":                 {[]string{"-json=maybe"}, []string{"-json", "want true or false"}},
		"no parallelism":               {[]string{"-prompts", prompts, "-parallel", "0"}, []string{"-parallel", "want a whole number"}},
		"negative parallelism":         {[]string{"-prompts", prompts, "-parallel", "-3"}, []string{"-parallel", "want a whole number"}},
		"parallelism in words":         {[]string{"-prompts", prompts, "-parallel", "many"}, []string{"-parallel", "want a whole number"}},
		"absurd parallelism":           {[]string{"-prompts", prompts, "-parallel", "1000000"}, []string{"-parallel", "1 to 1000"}},
		"an empty model":               {[]string{"-prompts", prompts, "-model", " "}, []string{"-model", "want a name"}},
		"a model that is a prefix":     {[]string{"-prompts", prompts, "-model", "models/"}, []string{"-model", "want a name"}},
		"an endpoint without port":     {[]string{"-endpoint", "example.com"}, []string{"-endpoint", "want host:port"}},
		"an endpoint that is a URL":    {[]string{"-endpoint", "https://example.com:443"}, []string{"-endpoint", "want host:port"}},
		"an endpoint, port in words":   {[]string{"-endpoint", "example.com:https"}, []string{"-endpoint", "want host:port"}},
		"a key missing":                {[]string{"-endpoint", "127.0.0.1:1"}, []string{"GEMINI_API_KEY", "not set"}},
		"-out alone":                   {[]string{"-out", "x"}, []string{"-out", "want -prompts"}},
		"-parallel alone":              {[]string{"-parallel", "2"}, []string{"-parallel", "want -prompts"}},
		"-stream alone":                {[]string{"-stream"}, []string{"-stream", "want -prompts"}},
		"-rest alone":                  {[]string{"-rest"}, []string{"-rest", "want -prompts"}},
		"-model alone":                 {[]string{"-model", "x"}, []string{"-model", "want -prompts"}},
		"a quota of nothing":           {[]string{"-prompts", prompts, "-quota", "0"}, []string{"-quota", "want REQUESTS or REQUESTS/TOKENS a minute"}},
		"a quota in words":             {[]string{"-prompts", prompts, "-quota", "60/many"}, []string{"-quota", "want REQUESTS or REQUESTS/TOKENS a minute"}},
		"-quota alone":                 {[]string{"-quota", "60"}, []string{"-quota", "want -prompts"}},
		"-quota of the real service":   {[]string{"-quota", "60", "-prompts", prompts, "-endpoint", "127.0.0.1:1", "-insecure"}, []string{"-quota", "without -endpoint"}},
		"-gate alone":                  {[]string{"-gate", "off"}, []string{"-gate", "want -prompts"}},
		"a gate that is neither":       {[]string{"-prompts", prompts, "-gate", "ajar"}, []string{"-gate", "want on or off"}},
		"-insecure alone":              {[]string{"-insecure"}, []string{"-insecure", "want -endpoint"}},
		"-insecure far away":           {[]string{"-insecure", "-endpoint", "example.com:80"}, []string{"-insecure", "loopback"}},
		"-table alone":                 {[]string{"-table", prompts}, []string{"-table: want -explain with it"}},
		"-method alone":                {[]string{"-method", "/a.S/M"}, []string{"-method: want -explain with it"}},
		"-explain with -prompts":       {[]string{"-explain", "UNKNOWN", "-prompts", prompts}, []string{"-explain: want it without -prompts"}},
		"a pattern of methods":         {[]string{"-explain", "UNKNOWN", "-method", "/a.S/*"}, []string{"want /package.Service/Method"}},
		"no error to explain":          {[]string{"-explain", "hello world"}, []string{"-explain: want an error: "}},
		"a table that is nowhere":      {[]string{"-explain", "UNKNOWN", "-table", filepath.Join(dir, "no.yaml")}, []string{"-table", "no such file"}},
		"-retry-failed without -out":   {[]string{"-retry-failed", "-prompts", prompts}, []string{"-retry-failed", "want -out"}},
		"a missing file":               {[]string{"-prompts", filepath.Join(dir, "none")}, []string{"-prompts", "none", "no such file", "want a file"}},
		"a directory of prompts":       {[]string{"-prompts", dir}, []string{"-prompts", "want a file"}},
		"a file without prompts":       {[]string{"-prompts", writeFile(t, "empty", "\n \r\n")}, []string{"-prompts", "no prompts"}},
		"prompts that are no text":     {[]string{"-prompts", writeFile(t, "binary", "ok\n\xff\xfe\n")}, []string{"-prompts", "line 2", "UTF-8"}},
		"no prompts on standard input": {[]string{"-prompts", "-"}, []string{"-prompts", "no prompts"}},
		"results over the prompts":     {[]string{"-prompts", prompts, "-out", prompts}, []string{"-out", "want another file"}},
		"results in no directory":      {[]string{"-prompts", prompts, "-out", filepath.Join(dir, "no", "out")}, []string{"-out", "want a file"}},
		"results over a directory":     {[]string{"-prompts", prompts, "-out", dir}, []string{"-out", "no regular file"}},
		"results with more in them":    {[]string{"-prompts", prompts, "-out", writeFile(t, "more", `{"line":1,"server":"s","model":"m","prompt":"p","mine":1}`)}, []string{"-out", "line 1", "want a file that this program wrote"}},
		"results over another file":    {[]string{"-prompts", prompts, "-out", writeFile(t, "mine", "{\"my\": 1}\n")}, []string{"-out", "line 1", "want a file that this program wrote"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runArgs(t, test.args...)
			wantStatus(t, got, exit.Misused)
			if strings.Count(got.errs, "\n") != 1 || !strings.HasSuffix(got.errs, "\n") || len(got.errs) > 300 {
				t.Errorf("standard error: %q, want one line", got.errs)
			}
			if got.out != "" {
				t.Errorf("standard output: %q, want nothing", got.out)
			}
			wantContains(t, got.errs, test.want...)
		})
	}
}

func TestRun_help(t *testing.T) {
	got := runArgs(t, "-h")
	wantStatus(t, got, exit.OK)
	wantContains(t, got.out, "usage:", "\n    0   ", "\n    1   ", "\n    2   ", "\n  130   ")
	for _, name := range []string{"json", "endpoint", "insecure", "prompts", "out", "retry-failed", "parallel", "model", "stream", "rest", "explain", "table", "method", "quota", "gate"} {
		wantContains(t, got.out, "\n  -"+name+" ")
	}
}
