package gemini

import (
	"context"

	"google.golang.org/api/option"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// ToEndpoint returns the options to talk to a service with a key.
func ToEndpoint(endpoint, key string) []option.ClientOption {
	return []option.ClientOption{option.WithEndpoint(endpoint), option.WithAPIKey(key)}
}

// ToPlainEndpoint is toEndpoint without TLS.
func ToPlainEndpoint(endpoint, key string) []option.ClientOption {
	return PlainText(endpoint, grpc.WithPerRPCCredentials(plainKey(key)))
}

// PlainText returns the options to talk to a server without TLS.
func PlainText(address string, credentials grpc.DialOption) []option.ClientOption {
	return []option.ClientOption{
		option.WithEndpoint(address),
		option.WithoutAuthentication(), // the client would insist on TLS
		option.WithGRPCDialOption(grpc.WithTransportCredentials(insecure.NewCredentials())),
		option.WithGRPCDialOption(credentials),
	}
}

// plainKey sends the key without TLS, to a loopback address
// only.
type plainKey string

// GetRequestMetadata returns the key in the header of the service.
func (k plainKey) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"x-goog-api-key": string(k)}, nil
}

// RequireTransportSecurity returns false.
func (k plainKey) RequireTransportSecurity() bool { return false }
