package codes

import (
	"regexp"
	"strings"

	grpccodes "google.golang.org/grpc/codes"
)

// This file belongs to rules_grpc.go and holds the texts of grpc-go that quote
// nothing but an address. Texts that may quote a peer are left out: the debug data of
// GOAWAY, the answer of a proxy or a token endpoint, the names in a certificate, the
// error of a custom dialer or resolver.

// IsLocal reports whether the message of err was written on this machine alone, by
// grpc-go and the network below, such as "connection refused". Such a message holds
// no word from a server. IsLocal is false for every unknown text, and unless the
// evidence shows that there was no stream. IsLocal is safe for concurrent use.
func IsLocal(err error, ev Evidence) bool {
	if err == nil || ev.reach(false) != Unsent {
		return false
	}
	st, ok := StatusOf(err)
	return ok && st.Code() == grpccodes.Unavailable && localText.MatchString(st.Message())
}

// localText matches a whole local text.
var localText = regexp.MustCompile(localPattern())

// networkCauses are the ends of the errors of package net and of the operating
// system.
var networkCauses = []string{
	"connection refused", "connection reset by peer", "broken pipe", "network is unreachable", "no route to host", "host is down",
	"connection timed out", "operation timed out", "i/o timeout", "context deadline exceeded", "operation was canceled",
	"no such host", "server misbehaving", "no suitable address found", "no such file or directory", "permission denied",
	"cannot assign requested address", "too many open files", "use of closed network connection", "EOF",
	"No connection could be made because the target machine actively refused it.", // Windows
}

func localPattern() string {
	var causes []string
	for _, cause := range networkCauses {
		causes = append(causes, regexp.QuoteMeta(cause))
	}
	const (
		address   = `[0-9A-Za-z.:\[\]%/_-]+`
		operation = `(?:(?:dial|read|write) (?:tcp|tcp4|tcp6|udp|unix)(?: ` + address + `(?:->` + address + `)?)?: )?`
		lookup    = `(?:lookup ` + address + `(?: on ` + address + `)?: )?`
		refusals  = `tls: first record does not look like a TLS handshake|` +
			`(?:tls: failed to verify certificate: )?x509: certificate signed by unknown authority`
	)
	network := operation + lookup + operation + `(?:(?:connect|connectex|read|write): )?(?:` + strings.Join(causes, "|") + `)`
	connection := `connection error: desc = "(?:transport: [Ee]rror while dialing: ` + network +
		`|transport: authentication handshake failed: (?:` + network + `|` + refusals + `)` +
		`|error reading server preface: (?:` + network + `|http2: frame too large))"`
	resolver := `(?:produced zero addresses|dns: (?:A|SRV) record lookup error: ` + network + `)`
	return `^(?:(?:last connection error: )?` + connection + `(?:; last resolver error: ` + resolver + `)?` +
		`|(?:name|last) resolver error: ` + resolver + `)$`
}
