package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func nothing(string) string { return "" }

func TestFlagsAreReadAsK3sReadsThem(t *testing.T) {
	options, err := readOptions([]string{
		"server", "--node-name=One", "--tls-san", "a,b", "--disable=traefik,metrics-server", "--kubelet-arg=v=2",
		"--kube-apiserver-arg", "--x=y=z", "--flannel-backend=host-gw", "--write-kubeconfig-mode=644",
	}, nothing)
	if err != nil {
		t.Fatal(err)
	}
	if options.Name != "one" || !slices.Equal(options.SANs, []string{"a", "b"}) || options.Mode != 0o644 {
		t.Errorf("%+v", options)
	}
	if !options.Disabled["traefik"] || !options.Disabled["metrics-server"] || options.Disabled["coredns"] {
		t.Errorf("disabled: %v", options.Disabled)
	}
	if options.Args["kubelet"][0] != "v=2" || options.Args["kube-apiserver"][0] != "x=y=z" {
		t.Errorf("arguments: %v", options.Args)
	}
	if !slices.Equal(options.Ignored, []string{"--flannel-backend=host-gw"}) {
		t.Errorf("ignored: %v", options.Ignored)
	}
}

func TestAnAgentWithoutAServerOrATokenIsRefused(t *testing.T) {
	environ := map[string]string{}
	read := func() error {
		_, err := readOptions([]string{"agent"}, func(name string) string { return environ[name] })
		return err
	}
	if err := read(); err == nil || !strings.Contains(err.Error(), "K3S_URL") {
		t.Error(err)
	}
	environ["K3S_URL"] = "https://one:6443"
	if err := read(); err == nil || !strings.Contains(err.Error(), "K3S_TOKEN") {
		t.Error(err)
	}
	environ["K3S_TOKEN"] = "secret"
	if err := read(); err != nil {
		t.Error(err)
	}
	environ["K3S_URL"] = "http://one:6443"
	if read() == nil {
		t.Error("a server without TLS was accepted")
	}
}

func TestWhatASceneSaysReplacesWhatWeSay(t *testing.T) {
	command := flags{"a": "1", "b": "2"}.with("program", []string{"b=3", "c=4=5"})
	if !slices.Equal(command, []string{"program", "--a=1", "--b=3", "--c=4=5"}) {
		t.Error(command)
	}
}

func TestATokenIsOfKubernetesKindAndTheSameOnBothSides(t *testing.T) {
	one, other := bootstrapToken("secret"), bootstrapToken("secreT")
	if one != bootstrapToken("secret") || one == other || len(one.ID) != 6 || len(one.Secret) != 16 {
		t.Error(one, other)
	}
	if !one.verify("text", one.sign("text")) || one.verify("texT", one.sign("text")) || other.verify("text", one.sign("text")) {
		t.Error("a signature proves the wrong thing")
	}
}

func TestANodeTrustsOnlyAServerThatKnowsItsToken(t *testing.T) {
	authority, err := newAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	info, err := clusterInfoManifest(bootstrapToken("secret"), "https://one:6443", authority.Cert)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(info) }))
	defer server.Close()
	found, err := discover(context.Background(), server.URL, bootstrapToken("secret"))
	if err != nil || !bytes.Equal(found, authority.Cert) {
		t.Error(string(found), err)
	}
	if _, err := discover(context.Background(), server.URL, bootstrapToken("other")); !errors.Is(err, errOtherSecret) {
		t.Error(err)
	}
}

func TestACertificateNamesItsHolderAndItsHosts(t *testing.T) {
	authority, err := newAuthority("test")
	if err != nil {
		t.Fatal(err)
	}
	again, err := parseAuthority(authority.Pair)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := again.sign(Subject{"me", []string{"us"}, []string{"one", "10.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	cert, err := parseCert(pair.Cert)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority.Cert)
	for _, host := range []string{"one", "10.0.0.1"} {
		if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, DNSName: host}); err != nil {
			t.Error(host, err)
		}
	}
	if _, err := cert.Verify(x509.VerifyOptions{Roots: pool, DNSName: "two"}); err == nil {
		t.Error("it holds for two as well")
	}
	if cert.Subject.CommonName != "me" || !slices.Equal(cert.Subject.Organization, []string{"us"}) {
		t.Error(cert.Subject)
	}
}

func serving(t *testing.T, change func(*x509.CertificateRequest, *Request)) Request {
	t.Helper()
	template := x509.CertificateRequest{
		Subject:     pkix.Name{CommonName: "system:node:one", Organization: []string{"system:nodes"}},
		DNSNames:    []string{"one"},
		IPAddresses: []net.IP{net.ParseIP("10.0.0.1")},
	}
	var request Request
	request.Spec.Username = "system:node:one"
	request.Spec.Groups = []string{"system:nodes", "system:authenticated"}
	request.Spec.Usages = []string{"digital signature", "server auth"}
	change(&template, &request)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &template, key)
	if err != nil {
		t.Fatal(err)
	}
	request.Spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
	return request
}

func TestANodeGetsACertificateForItselfAndForNothingElse(t *testing.T) {
	var node Node
	text := `{"metadata":{"name":"one"},"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.1"}]}}`
	if err := json.Unmarshal([]byte(text), &node); err != nil {
		t.Fatal(err)
	}
	if err := serving(t, func(*x509.CertificateRequest, *Request) {}).isFor(node); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*x509.CertificateRequest, *Request){
		"another's address": func(c *x509.CertificateRequest, _ *Request) {
			c.IPAddresses = append(c.IPAddresses, net.ParseIP("10.0.0.2"))
		},
		"another's name":  func(c *x509.CertificateRequest, _ *Request) { c.DNSNames = append(c.DNSNames, "two") },
		"another subject": func(c *x509.CertificateRequest, _ *Request) { c.Subject.CommonName = "system:node:two" },
		"another group":   func(c *x509.CertificateRequest, _ *Request) { c.Subject.Organization = []string{"system:masters"} },
		"no names":        func(c *x509.CertificateRequest, _ *Request) { c.DNSNames, c.IPAddresses = nil, nil },
		"another sender":  func(_ *x509.CertificateRequest, r *Request) { r.Spec.Username = "system:node:two" },
		"no node":         func(_ *x509.CertificateRequest, r *Request) { r.Spec.Groups = nil },
		"calling":         func(_ *x509.CertificateRequest, r *Request) { r.Spec.Usages = append(r.Spec.Usages, "client auth") },
	} {
		if serving(t, change).isFor(node) == nil {
			t.Errorf("%s: approved", name)
		}
	}
}

func TestRoutesLeadToEveryOtherNode(t *testing.T) {
	nodes := map[string]Node{}
	for name, text := range map[string]string{
		"one":   `{"spec":{"podCIDR":"10.42.0.0/24"},"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.1"}]}}`,
		"two":   `{"spec":{"podCIDR":"10.42.1.0/24"},"status":{"addresses":[{"type":"Hostname","address":"two"},{"type":"InternalIP","address":"10.0.0.2"}]}}`,
		"young": `{"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.3"}]}}`,
	} {
		var node Node
		if err := json.Unmarshal([]byte(text), &node); err != nil {
			t.Fatal(err)
		}
		nodes[name] = node
	}
	wanted := routes(nodes, "one")
	if len(wanted) != 1 || wanted["10.42.1.0/24"] != "10.0.0.2" {
		t.Error(wanted)
	}
}

func TestTheNodeIsReadyWhenEverythingIs(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ready")
	there := func() bool { _, err := os.Stat(file); return err == nil }
	state := &Health{facts: map[string]bool{"node": false, "names": false}, file: file}
	state.set("node", true)
	if there() {
		t.Error("ready without names")
	}
	state.set("names", true)
	if !there() {
		t.Error("not ready with everything")
	}
	state.set("node", false)
	if there() {
		t.Error("still ready without the node")
	}
}

func TestEveryManifestSaysWhereItBelongs(t *testing.T) {
	files, err := manifests.ReadDir("manifests")
	if err != nil {
		t.Fatal(err)
	}
	options, err := readOptions([]string{"server"}, nothing)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		found, err := readManifests(file.Name(), options)
		if err != nil || len(found) == 0 {
			t.Error(file.Name(), len(found), err)
		}
		for _, each := range found {
			if strings.Contains(string(each.Text), "${") {
				t.Errorf("%s: not filled in", each.Path)
			}
			name := each.Path[strings.LastIndex(each.Path, "/")+1:]
			if !strings.Contains(string(each.Text), "name: "+name) {
				t.Errorf("%s: the manifest is of another name", each.Path)
			}
		}
	}
	if len(addonFiles)+1 != len(files) {
		t.Error("a file of manifests is applied by nobody")
	}
}

func TestTheImageHoldsTheProgram(t *testing.T) {
	archive, err := imageArchive("docker.io/x/y:1", "/pause", []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasSuffix(archive, make([]byte, 1024)) {
		t.Error("the archive has no end")
	}
	files := map[string][]byte{}
	for read := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := read.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[header.Name], err = io.ReadAll(read); err != nil {
			t.Fatal(err)
		}
	}
	var manifest []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(files["manifest.json"], &manifest); err != nil {
		t.Fatal(err)
	}
	if manifest[0].RepoTags[0] != "docker.io/x/y:1" || files[manifest[0].Config] == nil {
		t.Error(manifest)
	}
	if layer := files[manifest[0].Layers[0]]; !bytes.Contains(files[manifest[0].Config], []byte(digest(layer))) {
		t.Error("the layer is not the one that the image names")
	}
}

func TestAVolumeLiesWhereItsPodIs(t *testing.T) {
	var claim Claim
	claim.Metadata.Name, claim.Metadata.UID, claim.Metadata.Namespace = "data", "1-2", "default"
	claim.Spec.Resources.Requests = map[string]string{"storage": "1Gi"}
	var volume struct {
		Metadata Meta
		Spec     struct{ HostPath struct{ Path string } }
	}
	if err := json.Unmarshal(volumeFor(claim, "two"), &volume); err != nil {
		t.Fatal(err)
	}
	if volume.Metadata.Labels[volumeNode] != "two" || filepath.Base(volume.Spec.HostPath.Path) != "pvc-1-2" {
		t.Error(volume)
	}
	root := t.TempDir()
	makeFolder(root, "pvc-1-2")
	info, err := os.Stat(filepath.Join(root, "pvc-1-2"))
	if err != nil || info.Mode().Perm() != 0o777 {
		t.Error(info, err)
	}
	removeFolder(root, "pvc-1-2")
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Error(left)
	}
}

func TestWhatTheClusterWritesByItselfDoesNotChangeAnObjectsLine(t *testing.T) {
	kind := Kind{"deployments", "/apis/apps/v1", true}
	read := func(text string) Object {
		var object Object
		if err := json.Unmarshal([]byte(text), &object); err != nil {
			t.Fatal(err)
		}
		return object
	}
	first := lineFor(kind, read(`{"metadata":{"name":"a","namespace":"default","resourceVersion":"1"},"spec":{"replicas":1}}`))
	later := lineFor(kind, read(`{"metadata":{"name":"a","namespace":"default","resourceVersion":"9"},"spec":{"replicas":1},"status":{"x":1}}`))
	other := lineFor(kind, read(`{"metadata":{"name":"a","namespace":"default"},"spec":{"replicas":2}}`))
	if first != later || first == other || !strings.HasPrefix(first, "apis/apps/v1/namespaces/default/deployments/a ") {
		t.Error(first, later, other)
	}
}

func TestAPodOfTheClusterItselfHasNoLineAndALearnersHas(t *testing.T) {
	kind := Kind{"pods", "/api/v1", true}
	pod := func(space string) Object {
		return Object{"metadata": map[string]any{"name": "a", "namespace": space}}
	}
	if line := lineFor(kind, pod(systemSpace)); line != "" {
		t.Error(line)
	}
	if line := lineFor(kind, pod("default")); line != "api/v1/namespaces/default/pods/a" {
		t.Error(line)
	}
}

func TestCleaningDeletesWhatWasNotNotedAndNothingElse(t *testing.T) {
	things := map[string]string{
		"/api/v1/namespaces/default/configmaps/old": `{"metadata":{"name":"old","namespace":"default"}}`,
		"/api/v1/namespaces/default/configmaps/new": `{"metadata":{"name":"new","namespace":"default"}}`,
	}
	var deleted []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			deleted = append(deleted, r.URL.Path)
			delete(things, r.URL.Path)
		case r.URL.Path == "/apis":
			io.WriteString(w, `{"groups":[]}`)
		case r.URL.Path == "/api/v1":
			io.WriteString(w, `{"resources":[{"name":"configmaps","namespaced":true,"verbs":["list","delete"]},
				{"name":"events","namespaced":true,"verbs":["list","delete"]}]}`)
		case r.URL.Path == "/api/v1/configmaps":
			var items []string
			for _, each := range things {
				items = append(items, each)
			}
			io.WriteString(w, `{"items":[`+strings.Join(items, ",")+`]}`)
		case r.URL.Path == "/api/v1/events":
			io.WriteString(w, `{"items":[{"metadata":{"name":"e","namespace":"default"}}]}`)
		}
	}))
	defer server.Close()
	api := &API{server.URL, server.Client()}
	known := map[string]bool{"api/v1/namespaces/default/configmaps/old": true}
	if err := cleanCluster(context.Background(), api, known); err != nil {
		t.Fatal(err)
	}
	wanted := []string{"/api/v1/namespaces/default/configmaps/new", "/api/v1/namespaces/default/events"}
	if !slices.Equal(deleted, wanted) {
		t.Error(deleted)
	}
}

func TestWhatMakesPodsIsDeletedBeforeThePodsWhichGoAtOnce(t *testing.T) {
	things := map[string][]string{
		"/api/v1/pods":                   {"/api/v1/namespaces/default/pods/a-1-x"},
		"/apis/apps/v1/deployments":      {"/apis/apps/v1/namespaces/default/deployments/a"},
		"/apis/apps/v1/replicasets":      {"/apis/apps/v1/namespaces/default/replicasets/a-1"},
		"/api/v1/events":                 nil,
		"/apis/apps/v1/daemonsets":       nil,
		"/api/v1/replicationcontrollers": nil,
	}
	owned := `,"ownerReferences":[{"controller":true}]`
	var deleted []string
	listed := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			body, _ := io.ReadAll(r.Body)
			var options struct{ GracePeriodSeconds int }
			_ = json.Unmarshal(body, &options)
			deleted = append(deleted, fmt.Sprint(path.Base(r.URL.Path), options.GracePeriodSeconds))
			for kind, some := range things {
				things[kind] = slices.DeleteFunc(some, func(each string) bool { return each == r.URL.Path })
			}
			return
		}
		switch r.URL.Path {
		case "/apis":
			io.WriteString(w, `{"groups":[{"preferredVersion":{"groupVersion":"apps/v1"}}]}`)
		case "/api/v1":
			io.WriteString(w, `{"resources":[{"name":"pods","namespaced":true,"verbs":["list","delete"]},
				{"name":"replicationcontrollers","namespaced":true,"verbs":["list","delete"]}]}`)
		case "/apis/apps/v1":
			io.WriteString(w, `{"resources":[{"name":"daemonsets","namespaced":true,"verbs":["list","delete"]},
				{"name":"deployments","namespaced":true,"verbs":["list","delete"]},
				{"name":"replicasets","namespaced":true,"verbs":["list","delete"]}]}`)
		default:
			listed[r.URL.Path]++
			var items []string
			for _, each := range things[r.URL.Path] {
				meta := `{"name":"` + path.Base(each) + `","namespace":"default"`
				if !strings.HasSuffix(r.URL.Path, "deployments") {
					meta += owned
				}
				items = append(items, `{"metadata":`+meta+`}}`)
			}
			io.WriteString(w, `{"items":[`+strings.Join(items, ",")+`]}`)
		}
	}))
	defer server.Close()
	if err := cleanCluster(context.Background(), &API{server.URL, server.Client()}, map[string]bool{}); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(deleted, []string{"a1", "a-11", "a-1-x0"}) {
		t.Error(deleted)
	}
	if listed["/api/v1/pods"] != 2 || listed["/apis/apps/v1/daemonsets"] != 1 {
		t.Error("what is gone is looked at again, or what is left is not:", listed)
	}
}
