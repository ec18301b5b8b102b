package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

const cniFolder = "/etc/cni/net.d"

// Node is a node of the cluster, as far as the pods' network goes.
type Node struct {
	Metadata Meta `json:"metadata"`
	Spec     struct {
		PodCIDR string `json:"podCIDR"`
	} `json:"spec"`
	Status struct {
		Addresses []struct {
			Type    string `json:"type"`
			Address string `json:"address"`
		} `json:"addresses"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
	} `json:"status"`
}

func (n Node) ready() bool {
	for _, condition := range n.Status.Conditions {
		if condition.Type == "Ready" {
			return condition.Status == "True"
		}
	}
	return false
}

func (n Node) internal() string {
	for _, address := range n.Status.Addresses {
		if address.Type == "InternalIP" {
			return address.Address
		}
	}
	return ""
}

// Network is the pods' network, as seen from one node.
//
// Every node has a part of the pods' addresses. All nodes are on one network of the engine, so that a route to each
// other node's part, by that node's address, is all there is to it: no tunnel, and nothing the kernel may lack.
// k3s calls this the host-gw backend.
type Network struct {
	name   string
	nodes  map[string]Node
	routes map[string]string
	mine   string
}

func newNetwork(name string) *Network {
	return &Network{name: name, nodes: map[string]Node{}, routes: map[string]string{}}
}

// follow keeps routes and readiness as the nodes come, go and change, until the context ends.
func (n *Network) follow(ctx context.Context, api *API) {
	watch(ctx, api, "/api/v1/nodes", func(all []Node) {
		n.nodes = map[string]Node{}
		for _, each := range all {
			n.nodes[each.Metadata.Name] = each
		}
		n.settle()
	}, func(changed Node) {
		n.nodes[changed.Metadata.Name] = changed
		n.settle()
	}, func(gone Node) {
		delete(n.nodes, gone.Metadata.Name)
		n.settle()
	})
}

// settle makes this node what the others say.
func (n *Network) settle() {
	own := n.nodes[n.name]
	if own.Spec.PodCIDR != "" && own.Spec.PodCIDR != n.mine {
		text, err := cniConfig(own.Spec.PodCIDR)
		if err == nil {
			err = writeFile(filepath.Join(cniFolder, "10-drydock.conflist"), text, 0o644)
		}
		if err != nil {
			say("pods get no network: %v", err)
			return
		}
		n.mine = own.Spec.PodCIDR
		say("pods here get addresses of %s", n.mine)
	}
	n.route(routes(n.nodes, n.name))
	health.set("node", own.ready() && n.mine != "")
}

// routes returns by which address each other node's pods are reached.
func routes(nodes map[string]Node, self string) map[string]string {
	wanted := map[string]string{}
	for name, node := range nodes {
		if name != self && node.Spec.PodCIDR != "" && node.internal() != "" {
			wanted[node.Spec.PodCIDR] = node.internal()
		}
	}
	return wanted
}

func (n *Network) route(wanted map[string]string) {
	for pods, by := range wanted {
		if n.routes[pods] == by {
			continue
		}
		if err := ip("route", "replace", pods, "via", by); err != nil {
			say("pods at %s cannot be reached: %v", pods, err)
			continue
		}
		n.routes[pods] = by
	}
	for pods := range n.routes {
		if wanted[pods] == "" {
			_ = ip("route", "del", pods)
			delete(n.routes, pods)
		}
	}
}

func ip(words ...string) error {
	out, err := exec.Command("ip", words...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ip %s: %s", strings.Join(words, " "), bytes.TrimSpace(out))
	}
	return nil
}

// cniConfig says how a pod is wired: a cable of its own to the node, which routes.
//
// Nothing is bridged. A bridge would need the kernel's br_netfilter for services to work between pods of one node.
func cniConfig(pods string) ([]byte, error) {
	return json.MarshalIndent(map[string]any{
		"cniVersion": "0.4.0",
		"name":       "drydock",
		"plugins": []any{
			map[string]any{
				"type": "ptp",
				"ipam": map[string]any{
					"type": "host-local",
					// Given away again when the node starts: its pods are wired anew then.
					"dataDir": "/run/cni-addresses",
					"ranges":  []any{[]any{map[string]string{"subnet": pods}}},
					"routes":  []any{map[string]string{"dst": "0.0.0.0/0"}},
				},
			},
			map[string]any{"type": "portmap", "capabilities": map[string]bool{"portMappings": true}},
		},
	}, "", "  ")
}
