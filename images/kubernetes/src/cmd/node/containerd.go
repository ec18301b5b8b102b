package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

const (
	containerdConfig = "/etc/containerd/config.toml"
	containerdSocket = "/run/containerd/containerd.sock"
	pauseProgram     = "/usr/local/lib/drydock/pause"
	// The node's one image: it holds a pod's network, and is what the cluster's own parts run in.
	pauseImage = "docker.io/drydock/pause:1.0"
)

// writeContainerdConfig says how containerd runs pods on this ground.
func writeContainerdConfig(ground Ground) error {
	return writeFile(containerdConfig, fmt.Appendf(nil, `version = 2
root = "%[1]s"
state = "/run/containerd"
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.internal.v1.tracing", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.blockfile",
  "io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "%[2]s"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "%[3]s"
  # Without CAP_SYS_RESOURCE no process may be made less likely to be killed than its parent; this was tried.
  restrict_oom_score_adj = %[4]t
  enable_unprivileged_ports = true
  enable_unprivileged_icmp = true
  max_concurrent_downloads = 3
  image_pull_progress_timeout = "30s"

[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "%[5]s"
  default_runtime_name = "runc"
  discard_unpacked_layers = true

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "%[6]s"
`, containerdDir, containerdSocket, pauseImage, !ground.MayLowerOOM, ground.Snapshotter, cniFolder), 0o644)
}

// importPause gives a containerd the image of one program that pods are held by, as soon as it answers.
func importPause(ctx context.Context, socket string) error {
	program, err := os.ReadFile(pauseProgram)
	if err != nil {
		return err
	}
	archive, err := imageArchive(pauseImage, "/pause", program)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := awaitSocket(ctx, socket); err != nil {
		return err
	}
	return until(ctx, 100*time.Millisecond, func() error {
		return importArchive(ctx, socket, bytes.NewReader(archive))
	})
}

// awaitSocket waits until a containerd listens.
func awaitSocket(ctx context.Context, socket string) error {
	return until(ctx, 50*time.Millisecond, func() error {
		_, err := os.Stat(socket)
		return err
	})
}

// importArchive gives a containerd the images of an archive, in the form that `docker save` writes.
func importArchive(ctx context.Context, socket string, archive io.Reader) error {
	command := exec.CommandContext(ctx, "ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", "-")
	command.Stdin = archive
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// imageArchive makes an image of a single program, in the form that `docker save` writes.
func imageArchive(name, path string, program []byte) ([]byte, error) {
	var layer bytes.Buffer
	inside := tar.NewWriter(&layer)
	// Programs of the cluster's own run in this image too: they want a place for temporary files and a user's name.
	passwd := []byte("root:x:0:0:root:/:/pause\nnobody:x:65534:65534:nobody:/:/pause\n")
	entries := []struct {
		header tar.Header
		data   []byte
	}{
		{tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}, nil},
		{tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}, nil},
		{tar.Header{Name: "etc/passwd", Typeflag: tar.TypeReg, Mode: 0o644}, passwd},
		{tar.Header{Name: strings.TrimPrefix(path, "/"), Typeflag: tar.TypeReg, Mode: 0o755}, program},
	}
	for _, entry := range entries {
		if err := addEntry(inside, entry.header, entry.data); err != nil {
			return nil, err
		}
	}
	if err := inside.Close(); err != nil {
		return nil, err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Entrypoint": []string{path}, "User": "65534:65534"},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{"sha256:" + digest(layer.Bytes())}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal([]map[string]any{{
		"Config": digest(config) + ".json", "RepoTags": []string{name}, "Layers": []string{"layer.tar"},
	}})
	if err != nil {
		return nil, err
	}
	var archive bytes.Buffer
	outside := tar.NewWriter(&archive)
	for _, file := range []struct {
		name string
		data []byte
	}{{"layer.tar", layer.Bytes()}, {digest(config) + ".json", config}, {"manifest.json", manifest}} {
		header := tar.Header{Name: file.name, Typeflag: tar.TypeReg, Mode: 0o644}
		if err := addEntry(outside, header, file.data); err != nil {
			return nil, err
		}
	}
	// Closing writes the end, without which a reader waits for more.
	err = outside.Close()
	return archive.Bytes(), err
}

func addEntry(to *tar.Writer, header tar.Header, data []byte) error {
	header.Size = int64(len(data))
	header.ModTime = time.Unix(0, 0)
	if err := to.WriteHeader(&header); err != nil {
		return err
	}
	_, err := to.Write(data)
	return err
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
