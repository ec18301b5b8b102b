package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Where things lie. The same places as in the k3s image, so that one scene file fits both.
const (
	dataDir        = "/var/lib/rancher/k3s"
	kubeconfigFile = "/etc/rancher/k3s/k3s.yaml"
)

// Options is what a node was started with: arguments and environment of the k3s container.
type Options struct {
	Server     bool
	Token      string
	URL        string
	Name       string
	Kubeconfig string
	// The images that a scene gives its nodes, by name and tag.
	Images     string
	Mode       fs.FileMode
	SANs       []string
	Labels     []string
	Taints     []string
	Disabled   map[string]bool
	PodCIDR    string
	ServiceNet string
	ClusterDNS string
	Domain     string
	// Arguments for one program each, by the program's name, without their two dashes.
	Args map[string][]string
	// What was given and means nothing here.
	Ignored []string
}

// programs that may be given arguments, by the name of the flag that gives them.
var argFlags = map[string]string{
	"etcd-arg":                    "etcd",
	"kube-apiserver-arg":          "kube-apiserver",
	"kube-controller-manager-arg": "kube-controller-manager",
	"kube-scheduler-arg":          "kube-scheduler",
	"kubelet-arg":                 "kubelet",
	"kube-proxy-arg":              "kube-proxy",
}

// readOptions reads the arguments after the program's name, and the environment.
func readOptions(args []string, environ func(string) string) (Options, error) {
	options := Options{
		Token:      environ("K3S_TOKEN"),
		URL:        environ("K3S_URL"),
		Name:       environ("K3S_NODE_NAME"),
		Kubeconfig: environ("K3S_KUBECONFIG_OUTPUT"),
		Images:     environ("DRYDOCK_IMAGES"),
		Disabled:   map[string]bool{},
		PodCIDR:    "10.42.0.0/16",
		ServiceNet: "10.43.0.0/16",
		ClusterDNS: "10.43.0.10",
		Domain:     "cluster.local",
		Args:       map[string][]string{},
	}
	mode := environ("K3S_KUBECONFIG_MODE")
	tokenFile := environ("K3S_TOKEN_FILE")
	if len(args) == 0 || (args[0] != "server" && args[0] != "agent") {
		return options, errors.New("the first word must be server or agent")
	}
	options.Server = args[0] == "server"

	for rest := args[1:]; len(rest) > 0; {
		word := rest[0]
		rest = rest[1:]
		name, value, given := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if !strings.HasPrefix(word, "-") {
			options.Ignored = append(options.Ignored, word)
			continue
		}
		// take returns the flag's value, which may be the next word.
		take := func() (string, error) {
			if given {
				return value, nil
			}
			if len(rest) == 0 {
				return "", fmt.Errorf("--%s wants a value", name)
			}
			next := rest[0]
			rest = rest[1:]
			return next, nil
		}
		var err error
		switch program := argFlags[name]; {
		case program != "":
			value, err = take()
			options.Args[program] = append(options.Args[program], strings.TrimLeft(value, "-"))
		case name == "token" || name == "t":
			options.Token, err = take()
		case name == "token-file":
			tokenFile, err = take()
		case name == "server" || name == "s":
			options.URL, err = take()
		case name == "node-name":
			options.Name, err = take()
		case name == "write-kubeconfig" || name == "o":
			options.Kubeconfig, err = take()
		case name == "write-kubeconfig-mode":
			mode, err = take()
		case name == "tls-san":
			value, err = take()
			options.SANs = append(options.SANs, split(value)...)
		case name == "node-label":
			value, err = take()
			options.Labels = append(options.Labels, split(value)...)
		case name == "node-taint":
			value, err = take()
			options.Taints = append(options.Taints, split(value)...)
		case name == "disable":
			value, err = take()
			for _, part := range split(value) {
				options.Disabled[part] = true
			}
		case name == "cluster-cidr":
			options.PodCIDR, err = take()
		case name == "service-cidr":
			options.ServiceNet, err = take()
		case name == "cluster-dns":
			options.ClusterDNS, err = take()
		case name == "cluster-domain":
			options.Domain, err = take()
		default:
			// k3s has many more; what a scene says to k3s alone must not keep this node from starting.
			options.Ignored = append(options.Ignored, word)
		}
		if err != nil {
			return options, err
		}
	}
	return options, options.complete(mode, tokenFile)
}

// complete fills in what was not said, and refuses what cannot work.
func (o *Options) complete(mode, tokenFile string) error {
	o.Mode = 0o600
	if mode != "" {
		bits, err := strconv.ParseUint(mode, 8, 12)
		if err != nil {
			return fmt.Errorf("the kubeconfig's mode is %q; it must be an octal number such as 644", mode)
		}
		o.Mode = fs.FileMode(bits)
	}
	if o.Token == "" && tokenFile != "" {
		text, err := os.ReadFile(tokenFile)
		if err != nil {
			return fmt.Errorf("the token cannot be read: %w", err)
		}
		o.Token = strings.TrimSpace(string(text))
	}
	if o.Name == "" {
		name, err := os.Hostname()
		if err != nil {
			return err
		}
		o.Name = name
	}
	o.Name = strings.ToLower(o.Name)
	for _, network := range []string{o.PodCIDR, o.ServiceNet} {
		if _, _, err := net.ParseCIDR(network); err != nil {
			return err
		}
	}
	if o.Server {
		o.URL = "https://127.0.0.1:6443"
		return nil
	}
	if o.URL == "" {
		return errors.New("an agent needs K3S_URL, such as https://control-plane:6443")
	}
	if o.Token == "" {
		return errors.New("an agent needs K3S_TOKEN, the server's")
	}
	at, err := url.Parse(o.URL)
	if err != nil || at.Scheme != "https" || at.Host == "" {
		return fmt.Errorf("K3S_URL is %q; it must be like https://control-plane:6443", o.URL)
	}
	o.URL = "https://" + at.Host
	return nil
}

// keepToken gives a server that was told no token one of its own, the same after each start.
func (o *Options) keepToken() error {
	file := filepath.Join(dataDir, "server", "token")
	if o.Token == "" {
		if text, err := os.ReadFile(file); err == nil {
			o.Token = strings.TrimSpace(string(text))
		} else {
			random := make([]byte, 32)
			if _, err := rand.Read(random); err != nil {
				return err
			}
			o.Token = hex.EncodeToString(random)
		}
	}
	return writeFile(file, []byte(o.Token+"\n"), 0o600)
}

func split(list string) []string {
	var parts []string
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part != "" {
			parts = append(parts, part)
		}
	}
	return parts
}

// writeFile writes a file whole or not at all, and makes its folder.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part := path + ".part"
	if err := os.WriteFile(part, data, mode); err != nil {
		return err
	}
	// The file may have been there with other rights.
	if err := os.Chmod(part, mode); err != nil {
		return err
	}
	return os.Rename(part, path)
}
