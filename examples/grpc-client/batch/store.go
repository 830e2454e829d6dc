package batch

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/reinvoke/reinvoke/examples/grpc-client/terminal"
)

var errNoRecord = errors.New("no result of this program")

// store keeps results in two files, so that no end of the program, however
// sudden, loses a result:
//
//   - FILE.part, the journal, gets each result at once, in a single synced write.
//     Only the last line of the journal can be torn.
//   - FILE has the results in the order of the prompts. FILE is written at the
//     end of a run, under another name and then renamed; the journal is
//     removed after that.
//
// A prompt with a result in either file is not asked again. Both files may have
// the same result, after a run ended between renaming and removing.
type store struct {
	path    string
	journal *os.File
	done    map[int]Record // by line
}

// openStore reads the files of earlier runs and opens the journal.
func openStore(path string) (*store, error) {
	path, err := target(path)
	if err != nil {
		return nil, err
	}
	s := &store{path: path, done: map[int]Record{}}
	if _, err := s.load(path, false); err != nil {
		return nil, err
	}
	whole, err := s.load(s.part(), true)
	if err != nil {
		return nil, err
	}
	if s.journal, err = os.OpenFile(s.part(), os.O_WRONLY|os.O_CREATE, 0o644); err != nil { //nolint:gosec // results are no secret
		return nil, fmt.Errorf("-out: %w: want a file that can be written", err)
	}
	// The next line would be glued to a torn line.
	if err := errors.Join(s.journal.Truncate(whole), seekEnd(s.journal)); err != nil {
		return nil, fmt.Errorf("-out: %w", err)
	}
	return s, nil
}

// target returns the path for results: the target of a link, because renaming
// would replace the link. Only a regular file can be replaced.
func target(path string) (string, error) {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return path, nil
	case err != nil:
		return "", fmt.Errorf("-out: %w: want a file that can be written", err)
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("-out: %s is no regular file: want one, or no -out for standard output", path)
	}
	return path, nil
}

func (s *store) part() string { return s.path + ".part" }

func seekEnd(f *os.File) error {
	_, err := f.Seek(0, io.SeekEnd)
	return err
}

// load reads the records of a file, if there is one, and returns the length
// of the whole lines. A torn line at the end of a journal is ignored: the
// prompt is asked again.
func (s *store) load(path string, journal bool) (whole int64, err error) {
	data, err := os.ReadFile(path) //nolint:gosec // the user names the file
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("-out: %w: want a file that can be read", err)
	}
	for n := 1; len(data) > 0; n++ {
		line, rest, ended := bytes.Cut(data, []byte("\n"))
		r, err := Decode(line)
		switch {
		case journal && len(rest) == 0 && (!ended || err != nil) && torn(line):
			return whole, nil
		case err != nil:
			return 0, fmt.Errorf("-out: line %d of %s: %w: want a file that this program wrote, or a new name", n, path, errNoRecord)
		}
		s.done[r.Line] = r
		whole += int64(len(line)) + 1
		data = rest
	}
	return whole, nil
}

// torn reports whether line may be the beginning of a record. A machine without
// power may leave zeros.
func torn(line []byte) bool {
	start := []byte(`{"line":`)
	line = bytes.Trim(line, "\x00")
	return bytes.HasPrefix(line, start) || bytes.HasPrefix(start, line)
}

// check returns an error if the stored results are of other prompts, another
// model or another server: results must not be mixed.
func (s *store) check(server, model string, prompts []prompt, redact terminal.Redactor) error {
	texts := map[int]string{}
	for _, p := range prompts {
		texts[p.line] = redact.Text(p.text)
	}
	for _, line := range s.lines() {
		r := s.done[line]
		switch text, ok := texts[line]; {
		case r.Model != redact.Text(model):
			return fmt.Errorf("-model: %s has answers of %s: want the same model, or another -out", s.path, r.Model)
		case r.Server != redact.Text(server):
			return fmt.Errorf("-endpoint: %s has answers of the %s server: want the same one, or another -out", s.path, r.Server)
		case !ok || text != r.Prompt:
			return fmt.Errorf("-prompts: line %d has changed since %s was written: want the same prompts (more may follow), or another -out", line, s.path)
		}
	}
	return nil
}

// lines returns the prompts' lines with a result, in order.
func (s *store) lines() []int {
	var lines []int
	for line := range s.done {
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return lines
}

// put keeps a result for good.
func (s *store) put(r Record) error {
	line, err := r.encode()
	if err == nil {
		_, err = s.journal.Write(line)
	}
	if err == nil {
		err = s.journal.Sync()
	}
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	s.done[r.Line] = r
	return nil
}

func (s *store) failed() (n int) {
	for _, r := range s.done {
		if r.Error != nil {
			n++
		}
	}
	return n
}

func (s *store) resumes() bool { return true }

// close writes the results in order and removes the journal. After an error the
// journal stays, and the next run reads the journal.
func (s *store) close() error {
	err := s.journal.Close()
	if err == nil && len(s.done) > 0 {
		err = s.write()
	}
	if err == nil {
		err = os.Remove(s.part())
	}
	if err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	return nil
}

// abandon closes the journal. A journal with results stays.
func (s *store) abandon() {
	_ = s.journal.Close() // nothing was written since the last sync
	if info, err := os.Stat(s.part()); err == nil && info.Size() == 0 {
		_ = os.Remove(s.part()) // an empty journal would be in the way
	}
}

// write replaces FILE.
func (s *store) write() error {
	var all []byte
	for _, line := range s.lines() {
		encoded, err := s.done[line].encode()
		if err != nil {
			return err
		}
		all = append(all, encoded...)
	}
	next := s.part() + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644) //nolint:gosec // results are no secret
	if err != nil {
		return err
	}
	_, err = f.Write(all)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err != nil {
		_ = os.Remove(next) // on a full disk there is no room for half a file
		return err
	}
	return os.Rename(next, s.path)
}
