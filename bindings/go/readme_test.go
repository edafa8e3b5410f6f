package kinesisaggregation

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Its program, in a module of its own, as it tells a newcomer to make one.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, program, _ := strings.Cut(string(readme), "```go\n")
	program, _, _ = strings.Cut(program, "```\n")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(arguments ...string) string {
		t.Helper()
		command := exec.Command("go", arguments...)
		command.Dir = folder
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("go %v: %v\n%s", arguments, err, output)
		}
		return string(output)
	}
	run("mod", "init", "newcomer")
	run("mod", "edit", "-require", "kinesisaggregation@v0.0.0", "-replace", "kinesisaggregation="+here)
	run("mod", "tidy")
	if output := run("run", "."); output != "key 0 one\nkey 1 two\n" {
		t.Errorf("%q", output)
	}
}
