package interceptor

import "strings"

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

// unrepeatableNames are methods that the list above would take in, and that
// do more than compute: they run an agent or an extension, which may act, or
// store what they generate (google.cloud.aiplatform v1beta1
// ReasoningEngineExecutionService, ExtensionExecutionService,
// MemoryBankService).
func unrepeatableNames() [3]string {
	return [...]string{"QueryReasoningEngine", "QueryExtension", "GenerateMemories"}
}

// knownRepeatable reports whether a method is known to be safe to run twice.
func knownRepeatable(method string) bool {
	service, name, ok := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	google := strings.HasPrefix(service, "google.ai.generativelanguage.") || strings.HasPrefix(service, "google.cloud.aiplatform.")
	if !ok || !google {
		return false
	}
	for _, excepted := range unrepeatableNames() {
		if name == excepted {
			return false
		}
	}
	for _, known := range repeatableNames() {
		stem, star := strings.CutSuffix(known, "*")
		if name == stem || (star && strings.HasPrefix(name, stem)) {
			return true
		}
	}
	return false
}
