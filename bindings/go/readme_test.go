package kinesisaggregation

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Its commands and its program, in a module of its own. Its first command has built what is tested here.
func TestReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(language string) string {
		_, text, _ := strings.Cut(string(readme), "```"+language+"\n")
		text, _, _ = strings.Cut(text, "```\n")
		return text
	}
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "main.go"), []byte(block("go")), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(line string) string {
		t.Helper()
		words := strings.Fields(line)
		for i, word := range words {
			words[i] = strings.ReplaceAll(word, "PROJECT/bindings/go", here)
		}
		command := exec.Command(words[0], words[1:]...)
		command.Dir = folder
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, output)
		}
		return string(output)
	}
	run("go mod init newcomer")
	commands := strings.Split(strings.TrimSpace(block("sh")), "\n")
	if len(commands) < 2 || commands[0] != "PROJECT/bindings/go/build" {
		t.Fatalf("%q", commands)
	}
	for _, command := range commands[1:] {
		run(command)
	}
	if output := run("go run ."); output != "key 0 one\nkey 1 two\n" {
		t.Errorf("%q", output)
	}
}
