package explain

import (
	"bytes"
	"os"

	"github.com/reinvoke/reinvoke/policy"
	"github.com/reinvoke/reinvoke/policy/policyfile"
)

// loadTable reads the configuration of -table: a policy file, or a gRPC service
// config, with warnings about ignored parts.
func loadTable(path string) (policy.Config, []*policyfile.Error, error) {
	if path == "" {
		return policy.DefaultConfig(), nil, nil
	}
	c, err := policyfile.LoadFile(path)
	if err == nil {
		return c, nil, nil
	}
	data, readErr := os.ReadFile(path) //nolint:gosec // the user names the file
	if readErr != nil || !bytes.Contains(bytes.ToLower(data), []byte(`"methodconfig"`)) {
		return c, nil, err
	}
	f, openErr := os.Open(path) //nolint:gosec // as above
	if openErr != nil {
		return c, nil, openErr
	}
	defer f.Close() //nolint:errcheck // only read
	return policyfile.ReadServiceConfig(f)
}
