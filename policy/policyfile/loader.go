package policyfile

// policyNames returns the names that a policy file has at its top.
func policyNames() []string { return []string{"base", "table", "limits", "budget", "gate", "methods"} }

// serviceConfigNames returns those of a gRPC service config.
func serviceConfigNames() []string {
	return []string{"methodConfig", "retryThrottling", "loadBalancingPolicy", "loadBalancingConfig", "healthCheckConfig"}
}

// otherLoader returns the entry that shows a document to be meant for another loader, or
// nil: it has one of the names of the other's files, and none of those wanted.
func otherLoader(root *node, wanted, others []string) *key {
	find := func(names []string) *key {
		for i := range root.keys {
			for _, name := range names {
				if fold(root.keys[i].name) == fold(name) {
					return &root.keys[i]
				}
			}
		}
		return nil
	}
	if root.kind != object || find(wanted) != nil {
		return nil
	}
	return find(others)
}

// isServiceConfig notes that a document is a service config, if it is one.
func (d *decoder) isServiceConfig(root *node) bool {
	k := otherLoader(root, policyNames(), serviceConfigNames())
	if k != nil {
		d.fault(k.line, shown(k.name), "stands in a gRPC service config: want a policy file, or FromServiceConfig to read it")
	}
	return k != nil
}

// isPolicyFile notes that a document is a policy file, if it is one.
func (d *decoder) isPolicyFile(root *node) bool {
	k := otherLoader(root, serviceConfigNames(), policyNames())
	if k != nil {
		d.fault(k.line, shown(k.name), "stands in a policy file: want a gRPC service config, or Load, LoadFile or Watch to read it")
	}
	return k != nil
}
