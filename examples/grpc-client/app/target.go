package app

import (
	"context"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// toEmbedded returns the options to talk to the embedded server.
func toEmbedded(s *server, t *tokens) []option.ClientOption {
	return plainText(s.address(), grpc.WithPerRPCCredentials(t))
}

// toEndpoint returns the options to talk to the service at -endpoint.
func (p *program) toEndpoint() []option.ClientOption {
	if p.insecure {
		return plainText(p.endpoint, grpc.WithPerRPCCredentials(plainKey(p.key)))
	}
	return []option.ClientOption{option.WithEndpoint(p.endpoint), option.WithAPIKey(p.key)}
}

// plainText returns the options to talk to a server without TLS.
func plainText(address string, credentials grpc.DialOption) []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(address),
		option.WithoutAuthentication(), // the client would insist on TLS
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithGRPCDialOption(credentials),
	}
}

// plainKey sends the key without TLS, as a server on the own machine may be
// told it.
type plainKey string

// GetRequestMetadata returns the key as the service wants it.
func (k plainKey) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"x-goog-api-key": string(k)}, nil
}

// RequireTransportSecurity returns false.
func (k plainKey) RequireTransportSecurity() bool { return false }
