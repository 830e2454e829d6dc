package explain

import (
	"regexp"
	"strings"

	"google.golang.org/grpc/metadata"
)

// trailerLine is a line with a telling key of the trailer, in the form of grpcurl -v,
// curl -i and grpc-status tools.
var trailerLine = regexp.MustCompile(`(?mi)^[<\s]*(retry-after|retry-after-ms|grpc-retry-pushback-ms|date|content-type):[ \t]*(.+?)\r?$\n?`)

// pastedTrailer takes those lines from the text.
func pastedTrailer(text string) (trailer metadata.MD, rest string) {
	for _, m := range trailerLine.FindAllStringSubmatch(text, -1) {
		if trailer == nil {
			trailer = metadata.MD{}
		}
		trailer.Append(strings.ToLower(m[1]), m[2])
	}
	return trailer, strings.TrimSpace(trailerLine.ReplaceAllString(text, ""))
}
