package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// lay writes a file and its folder.
func lay(t *testing.T, path, text string) {
	t.Helper()
	if err := writeFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// prepared lays out what `node prepare` leaves behind, under a name that leads to it, and returns the name.
func prepared(t *testing.T, text string) string {
	t.Helper()
	folder, err := os.MkdirTemp(t.TempDir(), "made-")
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range append(slicesOf(databases), sharedFolders[0]+"/abc", sharedFolders[1]+"/1/fs/etc/passwd", preparedNote) {
		lay(t, filepath.Join(folder, each), text)
	}
	link := filepath.Join(filepath.Dir(folder), "name")
	if err := point(link, folder); err != nil {
		t.Fatal(err)
	}
	return link
}

func slicesOf(some []string) []string { return append([]string{}, some...) }

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestANodeTakesOverImagesThatLieReadyAndWritesToNothingOfThem(t *testing.T) {
	link := prepared(t, "first")
	root, note := filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "note")
	if err := takeOver(link, root, note); err != nil {
		t.Fatal(err)
	}
	for _, each := range append(slicesOf(databases), sharedFolders[0]+"/abc", sharedFolders[1]+"/1/fs/etc/passwd") {
		if read(t, filepath.Join(root, each)) != "first" {
			t.Error(each)
		}
	}
	if read(t, note) != "first" {
		t.Error("nobody learns which images the node has")
	}
	// containerd writes to its databases, adds layers, and removes what was a link.
	for _, each := range databases {
		lay(t, filepath.Join(root, each), "changed")
		if read(t, filepath.Join(link, each)) != "first" {
			t.Error("the node writes to what others take over:", each)
		}
	}
	lay(t, filepath.Join(root, sharedFolders[1], "2/fs/new"), "new")
	if err := os.RemoveAll(filepath.Join(root, sharedFolders[1], "1")); err != nil {
		t.Error(err)
	}
	layers, err := os.ReadDir(filepath.Join(link, sharedFolders[1]))
	if err != nil || len(layers) != 1 || read(t, filepath.Join(link, sharedFolders[1], "1/fs/etc/passwd")) != "first" {
		t.Error("a node changed the layers of all:", layers, err)
	}
}

func TestWhatANodeTookOverStaysWhenOtherImagesAreLaidReady(t *testing.T) {
	link := prepared(t, "first")
	root, note := filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "note")
	if err := takeOver(link, root, note); err != nil {
		t.Fatal(err)
	}
	later := filepath.Join(filepath.Dir(link), "later")
	if err := os.Mkdir(later, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := point(link, later); err != nil {
		t.Fatal(err)
	}
	if read(t, filepath.Join(root, sharedFolders[1], "1/fs/etc/passwd")) != "first" {
		t.Error("the layers of a running node are others now")
	}
}

func TestWhatLiesReadyInPartIsNotTakenOver(t *testing.T) {
	for _, lost := range append(slicesOf(databases), preparedNote, sharedFolders[0], sharedFolders[1]) {
		link := prepared(t, "text")
		folder, err := filepath.EvalSymlinks(link)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(folder, lost)); err != nil {
			t.Fatal(err)
		}
		if err := takeOver(link, filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "note")); err == nil {
			t.Error("taken over without", lost)
		}
	}
}

func TestPrepareWantsToKnowWhichImagesAndWhatTheyAre(t *testing.T) {
	t.Setenv("DRYDOCK_IMAGES", "")
	if err := prepareImages([]string{"note"}, strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Error(err)
	}
	t.Setenv("DRYDOCK_IMAGES", "parcel:1.0")
	if err := prepareImages(nil, strings.NewReader("")); err == nil || !strings.Contains(err.Error(), "usage") {
		t.Error(err)
	}
}

func TestWhatAnInterruptedPreparationLeftIsRemovedAndNothingElse(t *testing.T) {
	folder := filepath.Dir(prepared(t, "text"))
	long := time.Now().Add(-time.Hour)
	for name, when := range map[string]time.Time{"interrupted": long, "going-on": time.Now()} {
		lay(t, filepath.Join(folder, name, "part"), "text")
		if err := os.Chtimes(filepath.Join(folder, name), when, when); err != nil {
			t.Fatal(err)
		}
	}
	complete, err := filepath.EvalSymlinks(filepath.Join(folder, "name"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(complete, long, long); err != nil {
		t.Fatal(err)
	}
	sweep(folder, time.Now().Add(-time.Minute))
	var left []string
	entries, _ := os.ReadDir(folder)
	for _, each := range entries {
		left = append(left, each.Name())
	}
	if !slices.Equal(left, []string{"going-on", filepath.Base(complete), "name"}) {
		t.Error(left)
	}
}
