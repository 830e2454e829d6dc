package policy

import "strings"

// RepeatableByName reports whether a method of Gemini or Vertex AI,
// "/package.Service/Method", may run twice as far as its name tells; known is false for a
// name that tells nothing, and for every other service. Most callers ask
// interceptor.KnownRepeatable, which also looks at descriptors.
func RepeatableByName(method string) (repeatable, known bool) {
	service, name, ok := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	google := strings.HasPrefix(service, "google.ai.generativelanguage.") || strings.HasPrefix(service, "google.cloud.aiplatform.")
	if !ok || !google {
		return false, false
	}
	for _, excepted := range unrepeatableNames() {
		if name == excepted {
			return false, true
		}
	}
	for _, known := range repeatableNames() {
		stem, star := strings.CutSuffix(known, "*")
		if name == stem || (star && strings.HasPrefix(name, stem)) {
			return true, true
		}
	}
	return false, false
}

// repeatableNames are the methods of Gemini and Vertex AI that compute an
// answer and change nothing, though they are POST requests; a star stands for
// the rest of a name. Get and List are reads by AIP-131 and AIP-132.
func repeatableNames() [16]string {
	return [...]string{
		"Generate*", "StreamGenerate*", "Embed*", "BatchEmbed*", "Count*", "Compute*", "Query*",
		"Predict", "RawPredict", "DirectPredict", "DirectRawPredict", "StreamRawPredict", "ServerStreamingPredict", "Explain",
		"Get*", "List*",
	}
}

// unrepeatableNames are methods that the list above or their descriptors would
// take in, and that do more than compute: they run an agent or an extension, which
// may act, or store what they generate (google.cloud.aiplatform v1beta1
// ReasoningEngineExecutionService, ExtensionExecutionService,
// MemoryBankService); or they start an operation, though they are a GET
// (DatasetService.RestoreDatasetVersion).
func unrepeatableNames() [4]string {
	return [...]string{"QueryReasoningEngine", "QueryExtension", "GenerateMemories", "RestoreDatasetVersion"}
}
