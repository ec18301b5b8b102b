package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"sort"
	"strings"
	"time"
)

// The programs of a control plane, each a process of its own: etcd keeps what is wanted and what is, the API server
// is the one way to it, the controllers make what is wanted, the scheduler chooses nodes for pods.

// flags are the arguments of one program, by name, so that what a scene says replaces what we say.
type flags map[string]string

// with returns the command line, after what was given for this program has replaced what stands here.
func (f flags) with(program string, given []string) []string {
	for _, each := range given {
		name, value, _ := strings.Cut(each, "=")
		f[name] = value
	}
	words := make([]string, 0, len(f))
	for name, value := range f {
		words = append(words, "--"+name+"="+value)
	}
	sort.Strings(words)
	return append([]string{program}, words...)
}

// startControlPlane starts the four programs; they wait for each other by themselves.
func startControlPlane(processes *Processes, options Options, pki *PKI, address net.IP) error {
	anonymous := pki.file("authentication.yaml")
	// Without a certificate or token one may ask how the server is, and read the authority before joining.
	if err := writeFile(anonymous, []byte(`apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous:
  enabled: true
  conditions:
  - path: /livez
  - path: /readyz
  - path: /healthz
  - path: `+clusterInfo+"\n"), 0o600); err != nil {
		return err
	}
	processes.keep("etcd", flags{
		"name":                        "default",
		"data-dir":                    filepath.Join(dataDir, "server", "etcd"),
		"listen-client-urls":          "https://127.0.0.1:2379",
		"advertise-client-urls":       "https://127.0.0.1:2379",
		"listen-peer-urls":            "https://127.0.0.1:2380",
		"initial-advertise-peer-urls": "https://127.0.0.1:2380",
		"initial-cluster":             "default=https://127.0.0.1:2380",
		"cert-file":                   pki.file("etcd.crt"),
		"key-file":                    pki.file("etcd.key"),
		"client-cert-auth":            "true",
		"trusted-ca-file":             pki.file("etcd-ca.crt"),
		"peer-cert-file":              pki.file("etcd.crt"),
		"peer-key-file":               pki.file("etcd.key"),
		"peer-client-cert-auth":       "true",
		"peer-trusted-ca-file":        pki.file("etcd-ca.crt"),
		"log-level":                   "error",
		"snapshot-count":              "10000",
		// A killed node loses nothing by this; only a power cut would, and a scene can be made anew.
		"unsafe-no-fsync": "true",
	}.with("etcd", options.Args["etcd"])...)
	processes.keep("kube-apiserver", flags{
		"advertise-address":                  address.String(),
		"secure-port":                        "6443",
		"allow-privileged":                   "true",
		"authentication-config":              anonymous,
		"authorization-mode":                 "Node,RBAC",
		"client-ca-file":                     pki.file("ca.crt"),
		"enable-admission-plugins":           "NodeRestriction",
		"enable-bootstrap-token-auth":        "true",
		"etcd-servers":                       "https://127.0.0.1:2379",
		"etcd-cafile":                        pki.file("etcd-ca.crt"),
		"etcd-certfile":                      pki.file("apiserver-etcd-client.crt"),
		"etcd-keyfile":                       pki.file("apiserver-etcd-client.key"),
		"kubelet-certificate-authority":      pki.file("ca.crt"),
		"kubelet-client-certificate":         pki.file("apiserver-kubelet-client.crt"),
		"kubelet-client-key":                 pki.file("apiserver-kubelet-client.key"),
		"kubelet-preferred-address-types":    "InternalIP,Hostname",
		"profiling":                          "false",
		"proxy-client-cert-file":             pki.file("front-proxy-client.crt"),
		"proxy-client-key-file":              pki.file("front-proxy-client.key"),
		"requestheader-allowed-names":        "front-proxy-client",
		"requestheader-client-ca-file":       pki.file("front-proxy-ca.crt"),
		"requestheader-extra-headers-prefix": "X-Remote-Extra-",
		"requestheader-group-headers":        "X-Remote-Group",
		"requestheader-username-headers":     "X-Remote-User",
		"service-account-issuer":             "https://kubernetes.default.svc." + options.Domain,
		"service-account-key-file":           pki.file("service-account.key"),
		"service-account-signing-key-file":   pki.file("service-account.key"),
		"service-cluster-ip-range":           options.ServiceNet,
		"tls-cert-file":                      pki.file("apiserver.crt"),
		"tls-private-key-file":               pki.file("apiserver.key"),
	}.with("kube-apiserver", options.Args["kube-apiserver"])...)
	return nil
}

// startControllers starts what acts on the API server's behalf, once there is one.
func startControllers(processes *Processes, options Options, pki *PKI) {
	controllers := pki.file("controller-manager.conf")
	processes.keep("kube-controller-manager", flags{
		"allocate-node-cidrs":       "true",
		"authentication-kubeconfig": controllers,
		"authorization-kubeconfig":  controllers,
		"bind-address":              "127.0.0.1",
		"client-ca-file":            pki.file("ca.crt"),
		"cluster-cidr":              options.PodCIDR,
		"cluster-signing-cert-file": pki.file("ca.crt"),
		"cluster-signing-key-file":  pki.file("ca.key"),
		// It makes an account and a token for each of its forty controllers before any of them starts, and by default
		// it allows itself 20 requests a second.
		"kube-api-burst":                   "400",
		"kube-api-qps":                     "400",
		"kubeconfig":                       controllers,
		"leader-elect":                     "false",
		"profiling":                        "false",
		"requestheader-client-ca-file":     pki.file("front-proxy-ca.crt"),
		"root-ca-file":                     pki.file("ca.crt"),
		"service-account-private-key-file": pki.file("service-account.key"),
		"service-cluster-ip-range":         options.ServiceNet,
		"tls-cert-file":                    pki.file("controller-manager.crt"),
		"tls-private-key-file":             pki.file("controller-manager.key"),
		"use-service-account-credentials":  "true",
	}.with("kube-controller-manager", options.Args["kube-controller-manager"])...)
	scheduler := pki.file("scheduler.conf")
	processes.keep("kube-scheduler", flags{
		"authentication-kubeconfig":    scheduler,
		"authorization-kubeconfig":     scheduler,
		"bind-address":                 "127.0.0.1",
		"client-ca-file":               pki.file("ca.crt"),
		"kubeconfig":                   scheduler,
		"leader-elect":                 "false",
		"profiling":                    "false",
		"requestheader-client-ca-file": pki.file("front-proxy-ca.crt"),
		"tls-cert-file":                pki.file("scheduler.crt"),
		"tls-private-key-file":         pki.file("scheduler.key"),
	}.with("kube-scheduler", options.Args["kube-scheduler"])...)
}

// runServer starts the control plane and what it hands out, and returns the way to its API.
func runServer(ctx context.Context, processes *Processes, options *Options, ground Ground) (*PKI, *API, error) {
	if err := options.keepToken(); err != nil {
		return nil, nil, err
	}
	pki, err := makePKI(*options, ground.Address)
	if err != nil {
		return nil, nil, err
	}
	admin := kubeconfig(options.URL, pki.CA.Cert, pki.Admin.inline()...)
	for _, file := range []string{kubeconfigFile, options.Kubeconfig} {
		if file == "" {
			continue
		}
		if err := writeFile(file, admin, options.Mode); err != nil {
			return nil, nil, err
		}
	}
	api, err := newAPI(options.URL, pki.CA.Cert, pki.Admin)
	if err != nil {
		return nil, nil, err
	}
	if err := startControlPlane(processes, *options, pki, ground.Address); err != nil {
		return nil, nil, err
	}
	// It answers a second and more before it has made the roles and namespaces that it calls itself ready with.
	if err := awaitAPI(ctx, api, "/readyz/ping"); err != nil {
		return nil, nil, err
	}
	say("the API server answers")
	return pki, api, nil
}

// awaitAPI waits until the API server says at a path that it is ready.
func awaitAPI(ctx context.Context, api *API, path string) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err := until(ctx, 50*time.Millisecond, func() error { return api.get(ctx, path, nil) })
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the API server did not get ready: %w", err)
	}
	return err
}
