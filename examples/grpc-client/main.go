// Command grpc-client shows what the retries of Reinvoke do for a Gemini
// client. Without arguments it plays a script of failures against a Gemini
// server of its own; with -prompts it answers a file of prompts; -h tells the
// rest:
//
//	go run ./examples/grpc-client
//	go run ./examples/grpc-client -explain 'UNAVAILABLE: The model is overloaded.'
//	go run ./examples/grpc-client -prompts prompts.txt -out answers.jsonl
//	GEMINI_API_KEY=... go run ./examples/grpc-client -endpoint generativelanguage.googleapis.com:443
//
// Package app, beside this file, is the program; its comment says where to begin.
package main

import (
	"os"

	"github.com/reinvoke/reinvoke/examples/grpc-client/app"
)

func main() { os.Exit(app.Main()) }
