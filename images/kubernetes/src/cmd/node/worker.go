package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	agentDir    = dataDir + "/agent"
	authority   = agentDir + "/ca.crt"
	kubeletDir  = "/var/lib/kubelet"
	kubeletCert = kubeletDir + "/pki/kubelet-client-current.pem"
	kubeletConf = agentDir + "/kubelet.yaml"
	nodeConf    = agentDir + "/node.kubeconfig"
	joinConf    = agentDir + "/bootstrap.kubeconfig"
)

// trust keeps the cluster's authority. What was signed by another one, in a life before, is thrown away.
func trust(ca []byte) error {
	if before, err := os.ReadFile(authority); err == nil && string(before) != string(ca) {
		say("this is another cluster than before: joining anew")
		if err := os.RemoveAll(filepath.Dir(kubeletCert)); err != nil {
			return err
		}
	}
	return writeFile(authority, ca, 0o644)
}

// startWorker starts what runs pods: containerd is running already; the kubelet, and kube-proxy for services.
//
// On the control plane, `open` is called between the two, and returns when nodes have the roles that they need.
func startWorker(
	ctx context.Context, processes *Processes, options Options, ground Ground, ca []byte, control *PKI, open func() error,
) error {
	if err := trust(ca); err != nil {
		return err
	}
	if control != nil {
		// The control plane signs for its own node without being asked.
		pair, err := control.CA.sign(Subject{"system:node:" + options.Name, []string{"system:nodes"}, nil})
		if err != nil {
			return err
		}
		if err := os.RemoveAll(filepath.Dir(kubeletCert)); err != nil {
			return err
		}
		if err := writeFile(kubeletCert, append(pair.Cert, pair.Key...), 0o600); err != nil {
			return err
		}
	}
	files := []error{
		writeFile(kubeletConf, kubeletConfig(options), 0o600),
		writeFile(nodeConf, kubeconfig(options.URL, ca, "client-certificate: "+kubeletCert, "client-key: "+kubeletCert), 0o600),
		writeFile(joinConf, kubeconfig(options.URL, ca, "token: "+bootstrapToken(options.Token).String()), 0o600),
	}
	if err := errors.Join(files...); err != nil {
		return err
	}
	kubelet := flags{
		"config":            kubeletConf,
		"hostname-override": options.Name,
		"kubeconfig":        nodeConf,
		"node-ip":           ground.Address.String(),
		"root-dir":          kubeletDir,
		"cert-dir":          kubeletDir + "/pki",
	}
	if control == nil {
		kubelet["bootstrap-kubeconfig"] = joinConf
	}
	if len(options.Labels) > 0 {
		kubelet["node-labels"] = strings.Join(options.Labels, ",")
	}
	if len(options.Taints) > 0 {
		kubelet["register-with-taints"] = strings.Join(options.Taints, ",")
	}
	processes.keep("kubelet", kubelet.with("kubelet", options.Args["kubelet"])...)
	if open != nil {
		if err := open(); err != nil {
			return err
		}
	}
	identity, err := awaitIdentity(ctx)
	if err != nil {
		return err
	}
	processes.keep("kube-proxy", flags{
		"bind-address":                      "0.0.0.0",
		"cluster-cidr":                      options.PodCIDR,
		"conntrack-max-per-core":            "0",
		"conntrack-tcp-timeout-close-wait":  "0s",
		"conntrack-tcp-timeout-established": "0s",
		"healthz-bind-address":              "127.0.0.1:10256",
		"hostname-override":                 options.Name,
		"iptables-min-sync-period":          "200ms",
		"kubeconfig":                        nodeConf,
		"metrics-bind-address":              "127.0.0.1:10249",
		"proxy-mode":                        "iptables",
	}.with("kube-proxy", options.Args["kube-proxy"])...)

	api, err := newAPI(options.URL, ca, identity)
	if err != nil {
		return err
	}
	go newNetwork(options.Name).follow(ctx, api)
	go keepFolders(ctx, api, options.Name, volumesDir)
	return nil
}

// awaitIdentity waits until the kubelet has its certificate, which the control plane signs for it.
func awaitIdentity(ctx context.Context) (Pair, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	var pair Pair
	return pair, until(ctx, 100*time.Millisecond, func() error {
		text, err := os.ReadFile(kubeletCert)
		pair = Pair{text, text}
		return err
	})
}

// kubeletConfig returns how the kubelet works here. Settings that a scene names as flags come on top.
func kubeletConfig(options Options) []byte {
	text, err := json.MarshalIndent(map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1",
		"kind":       "KubeletConfiguration",
		"authentication": map[string]any{
			"anonymous": map[string]bool{"enabled": false},
			"webhook":   map[string]any{"enabled": true, "cacheTTL": "2m0s"},
			"x509":      map[string]string{"clientCAFile": authority},
		},
		"authorization":            map[string]string{"mode": "Webhook"},
		"cgroupDriver":             "cgroupfs",
		"clusterDNS":               []string{options.ClusterDNS},
		"clusterDomain":            options.Domain,
		"containerRuntimeEndpoint": "unix://" + containerdSocket,
		"containerLogMaxSize":      "5Mi",
		// A laptop's disk is nearly full more often than not; the course's pods need little of it.
		"evictionHard": map[string]string{"nodefs.available": "1%", "imagefs.available": "1%", "nodefs.inodesFree": "1%"},
		// Version 1 of cgroups is still there on some machines, and does what the course needs.
		"failCgroupV1":                  false,
		"failSwapOn":                    false,
		"imageGCHighThresholdPercent":   100,
		"imageGCLowThresholdPercent":    99,
		"nodeLeaseDurationSeconds":      8,
		"nodeStatusReportFrequency":     "1m0s",
		"nodeStatusUpdateFrequency":     "4s",
		"readOnlyPort":                  0,
		"resolvConf":                    "/etc/resolv.conf",
		"rotateCertificates":            true,
		"serverTLSBootstrap":            true,
		"serializeImagePulls":           false,
		"volumeStatsAggPeriod":          "1m0s",
		"enableDebuggingHandlers":       true,
		"logging":                       map[string]any{"verbosity": 0},
		"crashLoopBackOff":              map[string]string{"maxContainerRestartPeriod": "1m0s"},
		"featureGates":                  map[string]bool{"KubeletCrashLoopBackOffMax": true},
		"shutdownGracePeriod":           "0s",
		"localStorageCapacityIsolation": true,
	}, "", "  ")
	if err != nil {
		panic(err)
	}
	return text
}

// Request is a node's wish for a certificate to serve its kubelet's own port with.
type Request struct {
	Metadata Meta `json:"metadata"`
	Spec     struct {
		Request    []byte   `json:"request"`
		SignerName string   `json:"signerName"`
		Username   string   `json:"username"`
		Groups     []string `json:"groups"`
		Usages     []string `json:"usages"`
	} `json:"spec"`
	Status struct {
		Conditions []map[string]any `json:"conditions"`
	} `json:"status"`
}

const requestsPath = "/apis/certificates.k8s.io/v1/certificatesigningrequests"

// approveServing approves what nodes ask for themselves: their own name, and addresses that the cluster knows as theirs.
//
// Kubernetes signs a node's client certificate by itself and leaves the serving one to somebody who knows the machines.
func approveServing(ctx context.Context, api *API) {
	consider := func(request Request) {
		if request.Spec.SignerName != "kubernetes.io/kubelet-serving" || len(request.Status.Conditions) > 0 {
			return
		}
		go func() {
			ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
			defer cancel()
			// The node's address may become known a moment after it has asked.
			if err := until(ctx, time.Second, func() error { return approve(ctx, api, request) }); err != nil && ctx.Err() == nil {
				say("%s is not approved: %v", request.Metadata.Name, err)
			}
		}()
	}
	watch(ctx, api, requestsPath, func(all []Request) {
		for _, each := range all {
			consider(each)
		}
	}, consider, func(Request) {})
}

func approve(ctx context.Context, api *API, request Request) error {
	name, _ := strings.CutPrefix(request.Spec.Username, "system:node:")
	var node Node
	if err := api.get(ctx, "/api/v1/nodes/"+name, &node); err != nil {
		return err
	}
	if err := request.isFor(node); err != nil {
		return err
	}
	path := requestsPath + "/" + request.Metadata.Name
	// The whole thing goes back with one condition more; what we do not know of it must survive.
	var whole map[string]any
	if err := api.get(ctx, path, &whole); err != nil {
		return err
	}
	whole["status"] = map[string]any{"conditions": []map[string]any{{
		"type": "Approved", "status": "True", "reason": "NodeServing", "message": "the node asks for its own name and address",
	}}}
	body, err := json.Marshal(whole)
	if err != nil {
		return err
	}
	return api.call(ctx, http.MethodPut, path+"/approval", "application/json", body, nil)
}

// isFor tells whether a request asks for what is this node's, and for nothing more.
func (r Request) isFor(node Node) error {
	user := "system:node:" + node.Metadata.Name
	block, _ := pem.Decode(r.Spec.Request)
	if block == nil {
		return errors.New("no request in it")
	}
	wanted, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return err
	}
	if err := wanted.CheckSignature(); err != nil {
		return err
	}
	switch {
	case r.Spec.Username != user || !slices.Contains(r.Spec.Groups, "system:nodes"):
		return errors.New("it was not sent by the node")
	case wanted.Subject.CommonName != user || !slices.Equal(wanted.Subject.Organization, []string{"system:nodes"}):
		return errors.New("it is not for the node")
	case len(wanted.EmailAddresses)+len(wanted.URIs) > 0 || len(wanted.DNSNames)+len(wanted.IPAddresses) == 0:
		return errors.New("it asks for other names than a node has")
	case !slices.Contains(r.Spec.Usages, "server auth"):
		return errors.New("it is not for serving")
	}
	for _, usage := range r.Spec.Usages {
		if !slices.Contains([]string{"server auth", "digital signature", "key encipherment"}, usage) {
			return errors.New("it asks for the usage " + usage)
		}
	}
	for _, dns := range wanted.DNSNames {
		if dns != node.Metadata.Name {
			return errors.New("it asks for the name " + dns)
		}
	}
	for _, ip := range wanted.IPAddresses {
		if !node.has(ip) {
			return errors.New("it asks for the address " + ip.String())
		}
	}
	return nil
}

// has tells whether an address is the node's.
func (n Node) has(ip net.IP) bool {
	for _, address := range n.Status.Addresses {
		if known := net.ParseIP(address.Address); known != nil && known.Equal(ip) {
			return true
		}
	}
	return false
}
