package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Images that are unpacked once for all nodes of this machine.
//
// A scene may mount one volume in all its nodes, here, and say in DRYDOCK_IMAGES which images they get. `node prepare`
// unpacks an archive of them there, by a containerd of its own. A new node takes over what it finds: copies of
// containerd's two databases, and links to the layers, which nobody writes to. Without the volume, or when what lies on
// it was made by another build or for other images, a node starts with no images, and gets them as an archive.
const (
	preparedDir   = "/prepared"
	preparedNote  = "note"
	containerdDir = dataDir + "/agent/containerd"
	// What `lab` reads to know which images a node has.
	imagesNote = "/var/lib/drydock-images"
	// Counted up when something else is written there than before.
	preparedFormat = "1"
	unpackTime     = 10 * time.Minute
)

// Where containerd keeps things below its root, if it lays layers over each other.
var (
	databases = []string{
		"io.containerd.metadata.v1.bolt/meta.db", "io.containerd.snapshotter.v1.overlayfs/metadata.db",
	}
	sharedFolders = []string{
		"io.containerd.content.v1.content/blobs/sha256", "io.containerd.snapshotter.v1.overlayfs/snapshots",
	}
)

// preparedName returns what the folder with these images is called: another program in the node, another name.
func preparedName(images string) (string, error) {
	pause, err := os.ReadFile(pauseProgram)
	if err != nil {
		return "", err
	}
	path, err := exec.LookPath("containerd")
	if err != nil {
		return "", err
	}
	containerd, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	wanted := strings.Fields(images)
	slices.Sort(wanted)
	text := fmt.Sprintln(preparedFormat, digest(pause), pauseImage, containerd.Size(), containerd.ModTime().Unix(), wanted)
	return digest([]byte(text))[:16], nil
}

// adopt gives a new node the images that lie ready, and tells whether there were any.
func adopt(images string, ground Ground) bool {
	if images == "" || ground.Snapshotter != "overlayfs" {
		return false
	}
	if _, err := os.Stat(containerdDir); err == nil {
		return false // it has been a node before
	}
	name, err := preparedName(images)
	if err == nil {
		err = takeOver(filepath.Join(preparedDir, name), containerdDir, imagesNote)
	}
	switch {
	case err == nil:
		say("images lie ready: %s", images)
		return true
	case !errors.Is(err, os.ErrNotExist):
		say("the images that lie ready cannot be used: %v", err)
	}
	_ = os.RemoveAll(containerdDir)
	return false
}

// takeOver makes a root for containerd out of a prepared one, which must not change any more.
func takeOver(prepared, root, noteFile string) error {
	// The folder's own name: whatever is prepared later lies in another one.
	prepared, err := filepath.EvalSymlinks(prepared)
	if err != nil {
		return err
	}
	note, err := os.ReadFile(filepath.Join(prepared, preparedNote))
	if err != nil {
		return err
	}
	for _, file := range databases {
		data, err := os.ReadFile(filepath.Join(prepared, file))
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(root, file), data, 0o644); err != nil {
			return err
		}
	}
	for _, folder := range sharedFolders {
		entries, err := os.ReadDir(filepath.Join(prepared, folder))
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(root, folder), 0o700); err != nil {
			return err
		}
		for _, each := range entries {
			path := filepath.Join(folder, each.Name())
			if err := os.Symlink(filepath.Join(prepared, path), filepath.Join(root, path)); err != nil {
				return err
			}
		}
	}
	return writeFile(noteFile, note, 0o644)
}

// prepare is the command `node prepare NOTE`: it unpacks the archive on its input for nodes to come.
//
// NOTE is what `lab` writes into a node that has the archive's images; a node that takes them over has the same.
func prepareImages(words []string, archive io.Reader) error {
	images := os.Getenv("DRYDOCK_IMAGES")
	if len(words) != 1 || images == "" {
		return errors.New("usage: DRYDOCK_IMAGES='NAME:TAG …' node prepare NOTE <ARCHIVE")
	}
	name, err := preparedName(images)
	if err != nil {
		return err
	}
	link, note := filepath.Join(preparedDir, name), []byte(words[0]+"\n")
	if there, err := os.ReadFile(filepath.Join(link, preparedNote)); err == nil && string(there) == string(note) {
		return nil
	}
	if !mayOverlay(preparedDir) {
		return nil // every node has to have layers of its own
	}
	sweep(preparedDir, time.Now().Add(-2*unpackTime))
	root, err := os.MkdirTemp(preparedDir, name+"-")
	if err != nil {
		return err
	}
	if err := unpack(root, archive); err != nil {
		return errors.Join(err, os.RemoveAll(root))
	}
	if err := writeFile(filepath.Join(root, preparedNote), note, 0o644); err != nil {
		return err
	}
	return point(link, root)
}

// sweep removes what an interrupted `node prepare` left. What is complete stays: nodes may use it.
func sweep(folder string, before time.Time) {
	entries, _ := os.ReadDir(folder)
	for _, each := range entries {
		path := filepath.Join(folder, each.Name())
		info, err := os.Lstat(path)
		if err != nil || !info.IsDir() || info.ModTime().After(before) {
			continue
		}
		if _, err := os.Stat(filepath.Join(path, preparedNote)); errors.Is(err, os.ErrNotExist) {
			_ = os.RemoveAll(path)
		}
	}
}

// point makes a name mean a folder, from one moment to the next.
func point(link, folder string) error {
	if err := os.Chmod(folder, 0o755); err != nil {
		return err
	}
	part := folder + ".link"
	if err := os.Symlink(filepath.Base(folder), part); err != nil {
		return err
	}
	return os.Rename(part, link)
}

// unpack lets a containerd of its own unpack an archive into a new root, and ends it.
func unpack(root string, archive io.Reader) error {
	ctx, cancel := context.WithTimeout(context.Background(), unpackTime)
	defer cancel()
	state, err := os.MkdirTemp("/run", "prepare-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(state)
	config, socket := filepath.Join(state, "config.toml"), filepath.Join(state, "socket")
	if err := writeFile(config, fmt.Appendf(nil, `version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = %q
`, root, filepath.Join(state, "state"), socket), 0o600); err != nil {
		return err
	}
	containerd := exec.CommandContext(ctx, "containerd", "--config", config, "--log-level", "warn")
	containerd.Stdout, containerd.Stderr = os.Stderr, os.Stderr
	containerd.Cancel = func() error { return containerd.Process.Signal(syscall.SIGTERM) }
	containerd.WaitDelay = time.Minute
	if err := containerd.Start(); err != nil {
		return err
	}
	err = importPause(ctx, socket)
	if err == nil {
		err = importArchive(ctx, socket, archive)
	}
	cancel()
	ended := containerd.Wait()
	if err == nil && !containerd.ProcessState.Success() {
		return fmt.Errorf("containerd did not end well: %w", ended) // its databases may not be whole
	}
	return err
}
