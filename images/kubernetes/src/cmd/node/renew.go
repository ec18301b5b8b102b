package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// `node renew note` prints the state of this node, and on a server the state of the cluster, one line for each part.
// `node renew again` first deletes everything that was not there when `node renew note` last ran.
//
// A scene whose nodes all print the same lines as when they were new is as good as a new one. Whatever was changed or
// deleted, and not only added, is not mended here: its line differs, and a new scene has to be made.

const (
	noteFile     = "/var/lib/drydock-note"
	systemSpace  = "kube-system"
	renewSeconds = 60 * time.Second
	straySeconds = 10 * time.Second
)

// serverLine is where a kubeconfig says how the cluster is reached.
var serverLine = regexp.MustCompile(`(?m)^\s*server: (\S+)$`)

// derived are the kinds that the cluster writes by itself, from other objects or all the time.
var derived = map[string]bool{
	"events": true, "leases": true, "endpoints": true, "endpointslices": true, "ipaddresses": true,
	"certificatesigningrequests": true, "csinodes": true,
}

// Object is any object of the API, as JSON.
type Object map[string]any

func (o Object) meta() Object {
	found, _ := o["metadata"].(map[string]any)
	return found
}

func (o Object) text(name string) string {
	found, _ := o[name].(string)
	return found
}

// isOwned tells whether a controller made this object and deletes it.
func (o Object) isOwned() bool {
	owners, _ := o.meta()["ownerReferences"].([]any)
	for _, each := range owners {
		if owner, ok := each.(map[string]any); ok && owner["controller"] == true {
			return true
		}
	}
	return false
}

// Kind is a resource of the API that can be listed and deleted.
type Kind struct {
	Name       string
	Base       string
	Namespaced bool
}

func (k Kind) path(o Object) string {
	name := o.meta().text("name")
	if k.Namespaced {
		return k.Base + "/namespaces/" + o.meta().text("namespace") + "/" + k.Name + "/" + name
	}
	return k.Base + "/" + k.Name + "/" + name
}

// renew is the command `node renew`.
func renew(words []string) error {
	if len(words) != 1 || (words[0] != "note" && words[0] != "again") {
		return errors.New("usage: node renew note|again")
	}
	ctx, cancel := context.WithTimeout(context.Background(), renewSeconds)
	defer cancel()
	api, err := adminAPI()
	if err != nil {
		return err
	}
	if words[0] == "again" {
		known, err := os.ReadFile(noteFile)
		if err != nil {
			return err
		}
		if err := clean(ctx, api, strings.Split(string(known), "\n")); err != nil {
			return err
		}
	}
	lines, err := stateOf(ctx, api)
	if err != nil {
		return err
	}
	text := strings.Join(lines, "\n") + "\n"
	fmt.Print(text)
	if words[0] == "note" {
		return os.WriteFile(noteFile, []byte(text), 0o600)
	}
	return nil
}

// adminAPI returns the way to the cluster's API on a server; nil on an agent, which has no such rights.
func adminAPI() (*API, error) {
	text, err := os.ReadFile(kubeconfigFile)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	part := func(name string) []byte {
		match := regexp.MustCompile(`(?m)^\s*` + name + `: (\S+)$`).FindSubmatch(text)
		if match == nil {
			return nil
		}
		data, _ := base64.StdEncoding.DecodeString(string(match[1]))
		return data
	}
	server := serverLine.FindSubmatch(text)
	if server == nil {
		return nil, fmt.Errorf("%s names no server", kubeconfigFile)
	}
	identity := Pair{part("client-certificate-data"), part("client-key-data")}
	return newAPI(string(server[1]), part("certificate-authority-data"), identity)
}

func stateOf(ctx context.Context, api *API) ([]string, error) {
	lines, err := stateOfNode()
	if err != nil || api == nil {
		return lines, err
	}
	kinds, err := kindsOf(ctx, api)
	if err != nil {
		return nil, err
	}
	for _, kind := range kinds {
		objects, err := list(ctx, api, kind)
		if err != nil {
			return nil, err
		}
		for _, each := range objects {
			if line := lineFor(kind, each); line != "" {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// lineFor returns an object's line: its name and a digest of what was asked for; empty for a part of the cluster itself
// that follows from another.
func lineFor(kind Kind, object Object) string {
	name := keyOf(kind, object)
	if kind.Name == "pods" || object.isOwned() {
		if object.meta().text("namespace") == systemSpace {
			return ""
		}
		return name
	}
	line := name + " " + digestOf(kind, object)
	status, _ := object["status"].(map[string]any)
	switch {
	case kind.Name == "nodes":
		line += " ready=" + conditionOf(status, "Ready")
	case kind.Name == "deployments" && object.meta().text("name") == "coredns":
		line += " available=" + conditionOf(status, "Available")
	}
	return line
}

func keyOf(kind Kind, object Object) string {
	return strings.TrimPrefix(kind.path(object), "/")
}

// digestOf leaves out what the cluster writes: status, versions, times.
func digestOf(kind Kind, object Object) string {
	asked := Object{}
	for name, value := range object {
		if name != "status" && name != "metadata" && name != "apiVersion" && name != "kind" {
			asked[name] = value
		}
	}
	meta := object.meta()
	asked["labels"], asked["finalizers"] = meta["labels"], meta["finalizers"]
	if kind.Name != "nodes" {
		// Those of a node hold its address, which may be another after a restart.
		asked["annotations"] = meta["annotations"]
	}
	text, err := json.Marshal(asked)
	if err != nil {
		panic(err)
	}
	return digest(text)[:16]
}

func conditionOf(status Object, wanted string) string {
	conditions, _ := status["conditions"].([]any)
	for _, each := range conditions {
		if condition, ok := each.(map[string]any); ok && condition["type"] == wanted {
			return fmt.Sprint(condition["status"])
		}
	}
	return "Unknown"
}

// kindsOf returns all kinds that a person can make objects of and delete them.
func kindsOf(ctx context.Context, api *API) ([]Kind, error) {
	var groups struct {
		Groups []struct {
			PreferredVersion struct {
				GroupVersion string `json:"groupVersion"`
			} `json:"preferredVersion"`
		} `json:"groups"`
	}
	if err := api.get(ctx, "/apis", &groups); err != nil {
		return nil, err
	}
	bases := []string{"/api/v1"}
	for _, each := range groups.Groups {
		bases = append(bases, "/apis/"+each.PreferredVersion.GroupVersion)
	}
	var kinds []Kind
	for _, base := range bases {
		var found struct {
			Resources []struct {
				Name       string   `json:"name"`
				Namespaced bool     `json:"namespaced"`
				Verbs      []string `json:"verbs"`
			} `json:"resources"`
		}
		if err := api.get(ctx, base, &found); err != nil {
			// An extension of the API may be away, like the metrics; it keeps no objects of its own.
			if isStatus(err, http.StatusServiceUnavailable) || isStatus(err, http.StatusNotFound) {
				continue
			}
			return nil, err
		}
		for _, each := range found.Resources {
			if !derived[each.Name] && slices.Contains(each.Verbs, "list") && slices.Contains(each.Verbs, "delete") {
				kinds = append(kinds, Kind{each.Name, base, each.Namespaced})
			}
		}
	}
	return kinds, nil
}

func list(ctx context.Context, api *API, kind Kind) ([]Object, error) {
	var found struct {
		Items []Object `json:"items"`
	}
	err := api.get(ctx, kind.Base+"/"+kind.Name, &found)
	if isStatus(err, http.StatusNotFound) {
		// The kind itself was a learner's, and is gone by now.
		return nil, nil
	}
	return found.Items, err
}

// clean deletes what was not there when the state was noted, and waits until it is gone.
func clean(ctx context.Context, api *API, note []string) error {
	known := map[string]bool{}
	for _, line := range note {
		name, _, _ := strings.Cut(line, " ")
		known[name] = true
	}
	if api != nil {
		if err := cleanCluster(ctx, api, known); err != nil {
			return err
		}
	}
	if err := endStrays(ctx, known); err != nil {
		return err
	}
	return cleanNode(known)
}

// cleanCluster deletes what was not there, its owners before what they own: a pod alone would be replaced at once.
func cleanCluster(ctx context.Context, api *API, known map[string]bool) error {
	kinds, err := kindsOf(ctx, api)
	if err != nil {
		return err
	}
	isPods := func(kind Kind) bool { return kind.Name == "pods" }
	slices.SortStableFunc(kinds, func(a, b Kind) int {
		switch {
		case isPods(a) == isPods(b):
			return 0
		case isPods(a):
			return 1
		}
		return -1
	})
	for {
		var left []Kind
		for _, kind := range kinds {
			more, err := cleanKind(ctx, api, kind, known)
			if err != nil {
				return err
			}
			if more {
				left = append(left, kind)
			}
		}
		if len(left) == 0 {
			return cleanEvents(ctx, api)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// Whoever asked compares all of the state at last; until then, only what is left is looked at.
		kinds = left
		pause(ctx, 100*time.Millisecond)
	}
}

// cleanKind deletes the objects of one kind that were not there, and tells whether it found any.
func cleanKind(ctx context.Context, api *API, kind Kind, known map[string]bool) (bool, error) {
	// A pod's own grace can be minutes, and whatever ran in it is ended on its node: see endStrays.
	grace := 1
	if kind.Name == "pods" {
		grace = 0
	}
	options := fmt.Appendf(nil,
		`{"kind":"DeleteOptions","apiVersion":"v1","gracePeriodSeconds":%d,"propagationPolicy":"Background"}`, grace)
	objects, err := list(ctx, api, kind)
	if err != nil {
		return false, err
	}
	found := false
	for _, each := range objects {
		if lineFor(kind, each) == "" || known[keyOf(kind, each)] {
			continue
		}
		found = true
		err := api.call(ctx, http.MethodDelete, kind.path(each), "application/json", options, nil)
		if err != nil && !isStatus(err, http.StatusNotFound) && !isStatus(err, http.StatusConflict) {
			return found, err
		}
	}
	return found, nil
}

// cleanEvents deletes what happened before: nobody who looks for a reason should find one of an earlier time.
func cleanEvents(ctx context.Context, api *API) error {
	events := Kind{"events", "/api/v1", true}
	found, err := list(ctx, api, events)
	if err != nil {
		return err
	}
	spaces := map[string]bool{}
	for _, each := range found {
		spaces[each.meta().text("namespace")] = true
	}
	for space := range spaces {
		if err := api.call(ctx, http.MethodDelete, "/api/v1/namespaces/"+space+"/events", "", nil, nil); err != nil {
			return err
		}
	}
	return nil
}

func ctr(words ...string) ([]string, error) {
	out, err := exec.Command("ctr", append([]string{"--namespace", "k8s.io"}, words...)...).Output()
	if err != nil {
		return nil, fmt.Errorf("ctr %s: %w", strings.Join(words, " "), err)
	}
	return strings.Fields(string(out)), nil
}

// stateOfNode tells of the node's images, of its volumes, and of containers that are not the cluster's own.
func stateOfNode() ([]string, error) {
	images, err := ctr("images", "ls", "--quiet")
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, each := range images {
		lines = append(lines, "image/"+each)
	}
	tasks, err := tasksOfPods()
	if err != nil {
		return nil, err
	}
	for _, each := range tasks {
		lines = append(lines, "container/"+each)
	}
	for _, folder := range []string{volumesDir, "/etc/kubernetes/manifests"} {
		found, _ := os.ReadDir(folder)
		for _, each := range found {
			lines = append(lines, "file/"+each.Name())
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// tasksOfPods returns the containers that run here, but for those of the cluster's own pods.
func tasksOfPods() ([]string, error) {
	tasks, err := ctr("tasks", "ls", "--quiet")
	if err != nil || len(tasks) == 0 {
		return nil, err
	}
	own, err := ctr("containers", "ls", "--quiet", `labels."io.kubernetes.pod.namespace"==`+systemSpace)
	return slices.DeleteFunc(tasks, func(task string) bool { return slices.Contains(own, task) }), err
}

// endStrays kills containers whose pod is gone. The kubelet would end them too, but leaves each two seconds and more.
func endStrays(ctx context.Context, known map[string]bool) error {
	// What is still in a pod by then is a difference, which whoever asked will see.
	ctx, cancel := context.WithTimeout(ctx, straySeconds)
	defer cancel()
	for {
		tasks, err := tasksOfPods()
		if err != nil {
			return err
		}
		tasks = slices.DeleteFunc(tasks, func(task string) bool { return known["container/"+task] })
		if len(tasks) == 0 || ctx.Err() != nil {
			return nil
		}
		kept, err := tasksOfLivingPods(ctx)
		if err != nil {
			return err
		}
		for _, each := range tasks {
			if !kept[each] {
				// It may have ended meanwhile.
				_, _ = ctr("tasks", "kill", "--signal", "KILL", each)
			}
		}
		pause(ctx, 100*time.Millisecond)
	}
}

// tasksOfLivingPods returns the containers of the pods that the cluster wants on this node.
func tasksOfLivingPods(ctx context.Context) (map[string]bool, error) {
	api, name, err := nodeAPI()
	if err != nil {
		return nil, err
	}
	var pods struct {
		Items []struct {
			Metadata struct {
				UID       string `json:"uid"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
		} `json:"items"`
	}
	if err := api.get(ctx, "/api/v1/pods?fieldSelector=spec.nodeName%3D"+name, &pods); err != nil {
		return nil, err
	}
	kept := map[string]bool{}
	for _, each := range pods.Items {
		if each.Metadata.Namespace == systemSpace {
			continue
		}
		found, err := ctr("containers", "ls", "--quiet", `labels."io.kubernetes.pod.uid"==`+each.Metadata.UID)
		if err != nil {
			return nil, err
		}
		for _, task := range found {
			kept[task] = true
		}
	}
	return kept, nil
}

// nodeAPI returns the way to the cluster's API that the node itself has, and the node's name.
func nodeAPI() (*API, string, error) {
	text, err := os.ReadFile(nodeConf)
	if err != nil {
		return nil, "", err
	}
	server := serverLine.FindSubmatch(text)
	if server == nil {
		return nil, "", fmt.Errorf("%s names no server", nodeConf)
	}
	ca, caErr := os.ReadFile(authority)
	pair, pairErr := os.ReadFile(kubeletCert)
	if err := errors.Join(caErr, pairErr); err != nil {
		return nil, "", err
	}
	cert, err := parseCert(pair)
	if err != nil {
		return nil, "", err
	}
	api, err := newAPI(string(server[1]), ca, Pair{pair, pair})
	return api, strings.TrimPrefix(cert.Subject.CommonName, "system:node:"), err
}

func cleanNode(known map[string]bool) error {
	images, err := ctr("images", "ls", "--quiet")
	if err != nil {
		return err
	}
	for _, each := range images {
		if !known["image/"+each] {
			if _, err := ctr("images", "rm", each); err != nil {
				return err
			}
		}
	}
	return nil
}
