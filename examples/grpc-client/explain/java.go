package explain

import "regexp"

// javaTexts are how grpc-java 1.x (Status.formatThrowableMessage, Status.toString) and
// gax-java 2.x print a status.
var javaTexts = []*regexp.Regexp{
	regexp.MustCompile(`(?s)(?:com\.google\.api\.gax\.rpc\.\w+: )?io\.grpc\.Status(?:Runtime)?Exception: (?P<code>[A-Z_]+)\b(?:: (?P<text>.*))?`),
	regexp.MustCompile(`(?s)Status\{code=(?P<code>[A-Z_]+), description=(?P<text>.*?), cause=`),
	regexp.MustCompile(`(?s)com\.google\.api\.gax\.rpc\.(?P<code>[A-Z]\w+?)Exception: (?P<text>.*)`),
}

// javaHTTP is the form of a HttpResponseException of google-http-client 1.x for Java, also
// inside an exception of gax-java.
var javaHTTP = regexp.MustCompile(`(?s)(?:com\.google\.api\.gax\.rpc\.\w+: )?com\.google\.api\.client\.[\w.]+Exception: (\d{3})\s*(.*)`)

// javaHTTPError reads the exception.
func javaHTTPError(text string) (found, bool) { return numbered(javaHTTP, text) }
