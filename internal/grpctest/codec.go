package grpctest

import "errors"

// RawCodec sends bytes unchanged, for a server of any codec.
type RawCodec struct{}

// Marshal returns v. The type of v must be []byte.
func (RawCodec) Marshal(v any) ([]byte, error) {
	data, ok := v.([]byte)
	if !ok {
		return nil, errors.New("RawCodec: want []byte")
	}
	return data, nil
}

// Unmarshal copies data into v. The type of v must be *[]byte.
func (RawCodec) Unmarshal(data []byte, v any) error {
	to, ok := v.(*[]byte)
	if !ok {
		return errors.New("RawCodec: want *[]byte")
	}
	*to = append([]byte(nil), data...)
	return nil
}

// Name returns "raw".
func (RawCodec) Name() string { return "raw" }
