package policyfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// readFile reads a file. Errors name the file.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // whoever names the file wants it read
	if err != nil {
		return nil, &Error{File: path, Problem: causeOf(err)}
	}
	defer f.Close() //nolint:errcheck // it was only read
	data, err := readAll(f)
	if err != nil {
		return nil, &Error{File: path, Problem: causeOf(err)}
	}
	return data, nil
}

// causeOf returns the text of an error of package os, without the path.
func causeOf(err error) string {
	if e, ok := errors.AsType[*os.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err == nil && len(data) > MaxSize {
		err = fmt.Errorf("larger than %d bytes: want a file of policies", MaxSize)
	}
	return data, err
}

// readRegular is readFile for a regular file or a link to a regular file. Other files, such as
// named pipes and devices, are not even opened: opening might block for ever or have side
// effects.
func readRegular(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, &Error{File: path, Problem: causeOf(err)}
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	return readOpened(path)
}

// readOpened opens a file without blocking, checks again that the file is regular, since the
// file may have been replaced in the meantime, and reads it.
func readOpened(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|nonblock, 0) //nolint:gosec // whoever names the file wants it read
	if err != nil {
		return nil, &Error{File: path, Problem: causeOf(err)}
	}
	defer f.Close() //nolint:errcheck // it was only read
	info, err := f.Stat()
	if err != nil {
		return nil, &Error{File: path, Problem: causeOf(err)}
	}
	if err := regular(path, info); err != nil {
		return nil, err
	}
	data, err := readAll(f)
	if err != nil {
		return nil, &Error{File: path, Problem: causeOf(err)}
	}
	return data, nil
}

// regular returns an error unless info describes a regular file.
func regular(path string, info fs.FileInfo) error {
	what := "not a file"
	switch mode := info.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		what = "a directory"
	case mode&fs.ModeNamedPipe != 0:
		what = "a named pipe"
	case mode&fs.ModeSocket != 0:
		what = "a socket"
	case mode&fs.ModeDevice != 0:
		what = "a device"
	}
	return &Error{File: path, Problem: what + ": want a regular file"}
}

// within returns the result of read, or the context's error if ctx ends first: a file system
// may hang. Then read goes on alone, and its result is dropped.
func within(ctx context.Context, path string, read func(path string) ([]byte, error)) ([]byte, error) {
	type reading struct {
		data []byte
		err  error
	}
	ended := func() error { return fmt.Errorf("policyfile: %s: %w", path, ctx.Err()) }
	if ctx.Err() != nil {
		return nil, ended()
	}
	done := make(chan reading, 1)
	go func() {
		data, err := read(path)
		done <- reading{data, err}
	}()
	select {
	case r := <-done:
		return r.data, r.err
	case <-ctx.Done():
		return nil, ended()
	}
}
