package main

import (
	"bytes"
	"context"
	"embed"
	"fmt"
	"net/http"
	"path"
	"strings"
	"time"
)

// What every cluster has on top of Kubernetes itself: rights, names, metrics, volumes. As manifests that anybody may
// read; the first line of each says where in the API it belongs.
//
//go:embed manifests/*.yaml
var manifests embed.FS

// Manifest is one thing that is applied.
type Manifest struct {
	Path string
	Text []byte
}

// readManifests returns the manifests of one file, filled in.
func readManifests(file string, options Options) ([]Manifest, error) {
	text, err := manifests.ReadFile(path.Join("manifests", file))
	if err != nil {
		return nil, err
	}
	filled := strings.NewReplacer(
		"${PAUSE}", pauseImage, "${DNS}", options.ClusterDNS, "${DOMAIN}", options.Domain, "${NODE}", options.Name,
	).Replace(string(text))
	var found []Manifest
	for part := range strings.SplitSeq(filled, "\n---\n") {
		_, rest, ok := strings.Cut(part, "# at: ")
		where, _, _ := strings.Cut(rest, "\n")
		if !ok || !strings.HasPrefix(where, "/api") {
			return nil, fmt.Errorf("%s: a manifest does not say where it belongs: %.80q", file, part)
		}
		found = append(found, Manifest{strings.TrimSpace(where), []byte(part)})
	}
	return found, nil
}

// addonFiles are the parts that a scene may leave out, by the name that `--disable` knows.
var addonFiles = []struct{ name, file string }{
	{"coredns", "coredns.yaml"},
	{"metrics-server", "metrics-server.yaml"},
	{"local-storage", "local-storage.yaml"},
}

// grant applies what nodes may do.
func grant(ctx context.Context, api *API, options Options) error {
	rights, err := readManifests("rights.yaml", options)
	if err != nil {
		return err
	}
	return applyAll(ctx, api, rights)
}

// equip applies everything else that a new cluster lacks; what is there already stays as it should be.
func equip(ctx context.Context, api *API, options Options) error {
	var all []Manifest
	for _, addon := range addonFiles {
		if options.Disabled[addon.name] {
			continue
		}
		more, err := readManifests(addon.file, options)
		if err != nil {
			return err
		}
		all = append(all, more...)
	}
	return applyAll(ctx, api, all)
}

// welcome lays out what other nodes join with: they come as soon as they can read it.
func welcome(ctx context.Context, api *API, options Options, ca []byte) error {
	token := bootstrapToken(options.Token)
	secret, err := tokenManifest(token)
	if err != nil {
		return err
	}
	info, err := clusterInfoManifest(token, "https://"+options.Name+":6443", ca)
	if err != nil {
		return err
	}
	return applyAll(ctx, api, []Manifest{
		{"/api/v1/namespaces/kube-system/secrets/bootstrap-token-" + token.ID, secret}, {clusterInfo, info},
	})
}

func applyAll(ctx context.Context, api *API, all []Manifest) error {
	for _, each := range all {
		// A namespace may be a moment in coming.
		try, cancel := context.WithTimeout(ctx, 30*time.Second)
		err := until(try, 100*time.Millisecond, func() error { return api.apply(try, each.Path, each.Text) })
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", each.Path, err)
		}
	}
	return nil
}

// markControlPlane gives the server's node its role, which a node may not give itself.
func markControlPlane(ctx context.Context, api *API, name string) error {
	label := []byte(`{"metadata":{"labels":{"node-role.kubernetes.io/control-plane":"true"}}}`)
	return until(ctx, 200*time.Millisecond, func() error {
		return api.call(ctx, http.MethodPatch, "/api/v1/nodes/"+name, "application/merge-patch+json", label, nil)
	})
}

// awaitNames waits until names can be resolved in pods, and says so to the health check.
func awaitNames(ctx context.Context, api *API) {
	const slices = "/apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices?labelSelector=kubernetes.io/service-name%3Dkube-dns"
	_ = until(ctx, 100*time.Millisecond, func() error {
		var text string
		if err := api.get(ctx, slices, &text); err != nil {
			return err
		}
		if !bytes.Contains([]byte(text), []byte(`"ready":true`)) {
			return fmt.Errorf("no name server yet")
		}
		return nil
	})
	health.set("names", true)
}
