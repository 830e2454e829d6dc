package policy

import "strings"

// RepeatableByName reports whether a method of Gemini or Vertex AI, "/package.Service/Method",
// may run twice, judging by its name. known is false for other names and for other services.
// Most callers should use interceptor.KnownRepeatable, which also reads descriptors.
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

// repeatableNames are the methods of Gemini and Vertex AI that compute an answer and change
// nothing, despite being POST requests; a star stands for the rest of a name. Get and List are
// reads by AIP-131 and AIP-132.
func repeatableNames() [16]string {
	return [...]string{
		"Generate*", "StreamGenerate*", "Embed*", "BatchEmbed*", "Count*", "Compute*", "Query*",
		"Predict", "RawPredict", "DirectPredict", "DirectRawPredict", "StreamRawPredict", "ServerStreamingPredict", "Explain",
		"Get*", "List*",
	}
}

// unrepeatableNames are methods covered by the list above or by their descriptors, but doing
// more than computing. Some run an agent or an extension with possible side effects, or store
// the generated result (google.cloud.aiplatform v1beta1 ReasoningEngineExecutionService,
// ExtensionExecutionService, MemoryBankService). DatasetService.RestoreDatasetVersion starts an
// operation, despite being a GET.
func unrepeatableNames() [4]string {
	return [...]string{"QueryReasoningEngine", "QueryExtension", "GenerateMemories", "RestoreDatasetVersion"}
}
