package codes_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/reinvoke/reinvoke/codes"
)

// FuzzClassify feeds Classify what a server can choose: code, message,
// details as the bytes of a google.rpc.Status, header and trailer; and what
// the attempt and the caller can be like.
func FuzzClassify(f *testing.F) {
	for _, s := range corpus(f) {
		st, _ := status.FromError(s.err(f))
		wire, err := proto.Marshal(&spb.Status{Details: st.Proto().GetDetails()})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint32(st.Code()), st.Message(), wire, "", "15", uint8(0b01_0011), int64(0))
	}
	for _, r := range publicReports(f) {
		failed, err := r.Err()
		if err != nil {
			f.Fatal(err)
		}
		st, _ := status.FromError(failed)
		wire, err := proto.Marshal(&spb.Status{Details: st.Proto().GetDetails()})
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint32(st.Code()), st.Message(), wire, "", r.Trailer["retry-after"], uint8(0b0100_0011), int64(0))
	}
	for _, tc := range grpcTexts() {
		f.Add(uint32(tc.code), tc.message, []byte(nil), "application/grpc", "", uint8(0b0011), int64(time.Second))
	}
	f.Add(uint32(unknownCode), "Please retry in 2562047h47m16.9s", []byte{0x1a, 0x00}, "", "9223372036855", uint8(0b11_0111), int64(5))

	f.Fuzz(func(t *testing.T, code uint32, message string, wire []byte, header, pushback string, flags uint8, remaining int64) {
		details := &spb.Status{}
		if proto.Unmarshal(wire, details) != nil {
			details.Reset()
		}
		details.Code, details.Message = int32(code), message //nolint:gosec // any number will do
		failed := status.ErrorProto(details)

		ev := codes.Evidence{
			Watched: flags&1 != 0, Stream: flags&2 != 0, Deadline: flags&4 != 0, Remaining: time.Duration(remaining),
			Trailer: metadata.MD{},
		}
		if flags&8 != 0 {
			ev.Caller = context.Canceled
		}
		if flags&16 != 0 {
			ev.Trailer.Append("grpc-retry-pushback-ms", pushback)
		}
		if flags&32 != 0 {
			ev.Trailer.Append("grpc-retry-pushback-ms", header)
		}
		if flags&64 != 0 {
			ev.Trailer.Append("retry-after", pushback)
			ev.Trailer.Append("retry-after-ms", header)
			ev.Trailer.Append("date", message)
		}
		if header != "" {
			ev.Header = metadata.Pairs("content-type", header)
		}

		got := codes.Classify(failed, ev)
		if grpccodes.Code(code) == grpccodes.OK {
			if diff := cmp.Diff(codes.Failure{}, got); diff != "" {
				t.Fatalf("OK is no failure (-want +got):\n%s", diff)
			}
			return
		}
		sane(t, &got)
		if got.Code != grpccodes.Code(code) {
			t.Errorf("code %v, want %v", got.Code, grpccodes.Code(code))
		}
		if ev.Caller != nil && got.Class != codes.Ended {
			t.Errorf("%v by rule %s, want Ended: the caller is gone", got.Class, got.Rule)
		}
		if !ev.Watched && got.Reach == codes.Unsent {
			t.Errorf("Unsent by rule %s, want no text to prove that by itself", got.Rule)
		}
		if diff := cmp.Diff(got, codes.Classify(failed, ev)); diff != "" {
			t.Errorf("the second answer differs (-first +second):\n%s", diff)
		}
	})
}
