package grpctest

import (
	"context"

	"google.golang.org/grpc/metadata"
)

// Fake is a stream without grpc. The functions decide between failure and delivery. A nil
// function succeeds and does nothing.
type Fake struct {
	Ctx      context.Context
	OnHeader func() (metadata.MD, error)
	OnRecv   func(m any) error
	OnSend   func(m any) error
	Trailing metadata.MD
}

// Context returns Ctx.
func (s *Fake) Context() context.Context { return s.Ctx }

// Trailer returns Trailing.
func (s *Fake) Trailer() metadata.MD { return s.Trailing }

// CloseSend does nothing.
func (s *Fake) CloseSend() error { return nil }

// Header calls OnHeader.
func (s *Fake) Header() (metadata.MD, error) {
	if s.OnHeader == nil {
		return metadata.MD{}, nil
	}
	return s.OnHeader()
}

// SendMsg calls OnSend.
func (s *Fake) SendMsg(m any) error {
	if s.OnSend == nil {
		return nil
	}
	return s.OnSend(m)
}

// RecvMsg calls OnRecv.
func (s *Fake) RecvMsg(m any) error {
	if s.OnRecv == nil {
		return nil
	}
	return s.OnRecv(m)
}
