package google

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/grpc"

	"github.com/reinvoke/reinvoke/interceptor"
	"github.com/reinvoke/reinvoke/policy"
)

// Places lets policy files name targets: a model becomes one of [Models], a region becomes
// [Region] with its connection in conns. With nil conns a region is for REST calls alone; a
// region without a connection is an error otherwise. Do not change conns afterwards.
func Places(conns map[string]grpc.ClientConnInterface) interceptor.Option {
	return interceptor.WithPlaces(func(p policy.Place) (interceptor.Target, error) {
		if p.Region == "" {
			return modelTarget(p.Model)
		}
		conn, ok := conns[p.Region]
		if !ok && conns != nil {
			return interceptor.Target{}, fmt.Errorf("no connection: want one of %s", strings.Join(slices.Sorted(maps.Keys(conns)), ", "))
		}
		return regionTarget(p.Region, conn)
	})
}
