package interceptor

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
)

// WithQuotaName says which quota a call counts against, in place of target, method, model
// and [WithGateKey]: all calls of a Retrier with the same name wait at the same gate,
// whether they go over gRPC or REST. Give one name to what shares a quota, such as a model
// called both ways. The name appears in logs and is no secret. An empty name, the default,
// names nothing.
func WithQuotaName(name string) CallOption {
	return newCallOption(callOption{
		name: "WithQuotaName", kinds: everything,
		apply: func(s *settings) { s.quota = name },
	})
}

// quota returns the part of a gate's key that tells calls of one method apart.
func (i *CallInfo) quota(r *Retrier) string {
	var quota string
	if i.Quota != "" {
		quota = " " + i.Quota
	}
	if i.Tenant == "" {
		return quota
	}
	h := hmac.New(sha256.New, r.secret[:])
	_, _ = h.Write([]byte(i.Tenant)) // never fails
	return quota + " tenant=" + hex.EncodeToString(h.Sum(nil)[:8])
}
