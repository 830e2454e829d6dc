package batch

import (
	"errors"
	"io/fs"
	"os"
	"testing"
)

func TestStore_keepsEveryResultAtOnce(t *testing.T) {
	out := fresh(t)
	s, err := openStore(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []int{3, 1, 2} {
		if err := s.put(Record{Line: line, Server: "s", Model: "m", Prompt: "p"}); err != nil {
			t.Fatal(err)
		}
		kept := records(t, readFile(t, out+".part")) // the store is still open
		if kept[len(kept)-1].Line != line {
			t.Errorf("the journal ends in line %d, want %d", kept[len(kept)-1].Line, line)
		}
	}
	if err := s.close(); err != nil {
		t.Fatal(err)
	}
	for i, r := range records(t, readFile(t, out)) {
		if r.Line != i+1 {
			t.Errorf("result %d is of line %d, want the order of the prompts", i, r.Line)
		}
	}
}

func TestStore_rejectsAJournalThatIsDamagedInTheMiddle(t *testing.T) {
	out := fresh(t)
	good, err := Record{Line: 1, Server: "s", Model: "m", Prompt: "p"}.encode()
	if err != nil {
		t.Fatal(err)
	}
	for name, journal := range map[string]string{
		"garbage between lines":  string(good) + "garbage\n" + string(good),
		"a text of someone else": "my notes",
	} {
		if err := os.WriteFile(out+".part", []byte(journal), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openStore(out); err == nil {
			t.Errorf("%s: no error", name)
		}
		if readFile(t, out+".part") != journal {
			t.Errorf("%s: the journal was changed", name)
		}
	}
}

func TestStore_writesWhereALinkLeads(t *testing.T) {
	out := fresh(t)
	link := fresh(t)
	if err := os.WriteFile(out, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(out, link); err != nil {
		t.Skip(err)
	}
	s, err := openStore(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.put(Record{Line: 1, Server: "s", Model: "m", Prompt: "p"}), s.close()); err != nil {
		t.Fatal(err)
	}
	if got := records(t, readFile(t, out)); len(got) != 1 {
		t.Errorf("%d results in the file that the link leads to, want 1", len(got))
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("%v, %v: want the link still", info, err)
	}
}

// TestStore_cutsOffATornLine crashes twice: the line that is written after a
// torn one must not be glued to it.
func TestStore_cutsOffATornLine(t *testing.T) {
	out := fresh(t)
	if err := os.WriteFile(out+".part", []byte(`{"line":1,"server":"127.`), 0o600); err != nil {
		t.Fatal(err)
	}
	first, err := openStore(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.put(Record{Line: 2, Server: "s", Model: "m", Prompt: "p"}); err != nil {
		t.Fatal(err)
	}
	if got := records(t, readFile(t, out+".part")); len(got) != 1 || got[0].Line != 2 {
		t.Errorf("%+v, want line 2 alone", got)
	}
	second, err := openStore(out) // without an end of the first
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := second.done[2]; !ok || len(second.done) != 1 {
		t.Errorf("%+v, want line 2 alone", second.done)
	}
}
