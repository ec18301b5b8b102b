package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// How a node comes to trust a cluster and a cluster a node, with nothing in common but one secret.
//
// It is what `kubeadm join` does: the server lays out its authority, signed with a token, where anybody may read it;
// a node that knows the token proves the signature before it trusts the authority, and then asks for a certificate
// with the token as its pass. The token is made of the shared secret, so that both sides know it.

// BootstrapToken is Kubernetes' own kind of token: six letters that name it and sixteen that prove it.
type BootstrapToken struct{ ID, Secret string }

func bootstrapToken(secret string) BootstrapToken {
	sum := sha256.Sum256([]byte("drydock bootstrap token\x00" + secret))
	text := hex.EncodeToString(sum[:])
	return BootstrapToken{text[:6], text[6:22]}
}

func (t BootstrapToken) String() string { return t.ID + "." + t.Secret }

// clusterInfo is where the authority lies for everybody to read.
const clusterInfo = "/api/v1/namespaces/kube-public/configmaps/cluster-info"

// sign returns the detached signature (RFC 7515, appendix F) that Kubernetes lays beside the authority.
func (t BootstrapToken) sign(text string) string {
	header, _ := json.Marshal(map[string]string{"alg": "HS256", "kid": t.ID})
	head := base64.RawURLEncoding.EncodeToString(header)
	code := hmac.New(sha256.New, []byte(t.Secret))
	code.Write([]byte(head + "." + base64.RawURLEncoding.EncodeToString([]byte(text))))
	return head + ".." + base64.RawURLEncoding.EncodeToString(code.Sum(nil))
}

// verify tells whether a text was signed by somebody who knows the token.
func (t BootstrapToken) verify(text, signature string) bool {
	return hmac.Equal([]byte(t.sign(text)), []byte(signature))
}

// clusterInfoManifest returns the authority as everybody may read it, signed.
func clusterInfoManifest(token BootstrapToken, server string, ca []byte) ([]byte, error) {
	text := string(kubeconfig(server, ca))
	return json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "ConfigMap",
		"metadata": map[string]string{"name": "cluster-info", "namespace": "kube-public"},
		"data":     map[string]string{"kubeconfig": text, "jws-kubeconfig-" + token.ID: token.sign(text)},
	})
}

// tokenManifest returns the secret by which the API server knows the token.
func tokenManifest(token BootstrapToken) ([]byte, error) {
	return json.Marshal(map[string]any{
		"apiVersion": "v1", "kind": "Secret", "type": "bootstrap.kubernetes.io/token",
		"metadata": map[string]string{"name": "bootstrap-token-" + token.ID, "namespace": "kube-system"},
		"stringData": map[string]string{
			"token-id": token.ID, "token-secret": token.Secret, "usage-bootstrap-authentication": "true",
		},
	})
}

var authorityLine = regexp.MustCompile(`(?m)^\s*certificate-authority-data: (\S+)$`)

// errOtherSecret is final: the server was reached and does not know our secret.
var errOtherSecret = errors.New("the server at K3S_URL does not know this K3S_TOKEN: what it shows was signed with another one")

// discover fetches a cluster's authority and proves that it comes from somebody who knows the token.
func discover(ctx context.Context, server string, token BootstrapToken) ([]byte, error) {
	// Nobody can be trusted yet; what comes is trusted for its signature alone.
	config := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12}
	api := &API{server, &http.Client{Transport: transport(config), Timeout: 10 * time.Second}}
	var found struct {
		Data map[string]string `json:"data"`
	}
	if err := api.get(ctx, clusterInfo, &found); err != nil {
		return nil, err
	}
	text, signature := found.Data["kubeconfig"], found.Data["jws-kubeconfig-"+token.ID]
	if !token.verify(text, signature) {
		return nil, errOtherSecret
	}
	match := authorityLine.FindStringSubmatch(text)
	if match == nil {
		return nil, fmt.Errorf("no authority in %q", strings.TrimSpace(text))
	}
	return base64.StdEncoding.DecodeString(match[1])
}
