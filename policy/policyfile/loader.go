package policyfile

// policyNames returns the top-level names of a policy file.
func policyNames() []string { return []string{"base", "table", "limits", "budget", "gate", "methods"} }

// serviceConfigNames returns the top-level names of a gRPC service config.
func serviceConfigNames() []string {
	return []string{"methodConfig", "retryThrottling", "loadBalancingPolicy", "loadBalancingConfig", "healthCheckConfig"}
}

// otherLoader returns the entry proving that a document is meant for the other loader, or nil:
// the document has a name from others and no name from wanted.
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

// isServiceConfig records a fault if the document is a service config.
func (d *decoder) isServiceConfig(root *node) bool {
	k := otherLoader(root, policyNames(), serviceConfigNames())
	if k != nil {
		d.fault(k.line, shown(k.name), "stands in a gRPC service config: want a policy file, or FromServiceConfig to read it")
	}
	return k != nil
}

// isPolicyFile records a fault if the document is a policy file.
func (d *decoder) isPolicyFile(root *node) bool {
	k := otherLoader(root, serviceConfigNames(), policyNames())
	if k != nil {
		d.fault(k.line, shown(k.name), "stands in a policy file: want a gRPC service config, or Load, LoadFile or Watch to read it")
	}
	return k != nil
}
