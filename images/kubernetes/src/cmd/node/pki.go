package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity of what is signed. A scene lives for hours, and each start signs anew.
const validity = 365 * 24 * time.Hour

// Pair is a certificate and its key, in PEM.
type Pair struct {
	Cert []byte
	Key  []byte
}

// Authority signs certificates.
type Authority struct {
	Pair
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// Subject is whom a certificate is for.
type Subject struct {
	Name   string
	Groups []string
	Hosts  []string
}

// loadAuthority reads an authority from a folder, or makes one there.
func loadAuthority(folder, name string) (*Authority, error) {
	certFile, keyFile := filepath.Join(folder, name+".crt"), filepath.Join(folder, name+".key")
	cert, certErr := os.ReadFile(certFile)
	key, keyErr := os.ReadFile(keyFile)
	if certErr == nil && keyErr == nil {
		return parseAuthority(Pair{cert, key})
	}
	authority, err := newAuthority("drydock " + name)
	if err != nil {
		return nil, err
	}
	// The key first: a certificate without its key would look like an authority.
	if err := writeFile(keyFile, authority.Key, 0o600); err != nil {
		return nil, err
	}
	return authority, writeFile(certFile, authority.Cert, 0o644)
}

func newAuthority(name string) (*Authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(10 * validity),
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		BasicConstraintsValid: true,
		IsCA:                  true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, err
	}
	keyPEM, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return parseAuthority(Pair{encodeCert(der), keyPEM})
}

func parseAuthority(pair Pair) (*Authority, error) {
	cert, err := parseCert(pair.Cert)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(pair.Key)
	if block == nil {
		return nil, errors.New("no key in the authority's file")
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	return &Authority{pair, cert, key}, nil
}

// sign makes a certificate that its holder may serve with and call with.
func (a *Authority) sign(subject Subject) (Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: subject.Name, Organization: subject.Groups},
		// A clock that was set back a little must not lock everybody out.
		NotBefore:   time.Now().Add(-time.Hour),
		NotAfter:    time.Now().Add(validity),
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, host := range subject.Hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	if len(subject.Hosts) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return Pair{}, err
	}
	keyPEM, err := encodeKey(key)
	return Pair{encodeCert(der), keyPEM}, err
}

// PKI is everything that the control plane's programs show each other.
type PKI struct {
	Dir   string
	CA    *Authority
	Admin Pair
}

// makePKI reads or makes the authorities, and signs everything else anew: addresses may have changed.
func makePKI(options Options, address net.IP) (*PKI, error) {
	dir := filepath.Join(dataDir, "server", "tls")
	ca, err := loadAuthority(dir, "ca")
	if err != nil {
		return nil, err
	}
	front, err := loadAuthority(dir, "front-proxy-ca")
	if err != nil {
		return nil, err
	}
	etcd, err := loadAuthority(dir, "etcd-ca")
	if err != nil {
		return nil, err
	}
	if err := makeTokenKey(filepath.Join(dir, "service-account.key")); err != nil {
		return nil, err
	}
	first, err := firstAddress(options.ServiceNet)
	if err != nil {
		return nil, err
	}
	hosts := append([]string{
		options.Name, "localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc." + options.Domain, "127.0.0.1", address.String(), first.String(),
	}, options.SANs...)
	wanted := []struct {
		file string
		by   *Authority
		Subject
	}{
		{"apiserver", ca, Subject{"kube-apiserver", nil, hosts}},
		{"apiserver-kubelet-client", ca, Subject{"kube-apiserver-kubelet-client", nil, nil}},
		{"apiserver-etcd-client", etcd, Subject{"kube-apiserver-etcd-client", nil, nil}},
		{"etcd", etcd, Subject{"etcd", nil, []string{"localhost", "127.0.0.1"}}},
		{"front-proxy-client", front, Subject{"front-proxy-client", nil, nil}},
		{"admin", ca, Subject{"system:admin", []string{"system:masters"}, nil}},
		{"controller-manager", ca, Subject{"system:kube-controller-manager", nil, []string{"localhost", "127.0.0.1"}}},
		{"scheduler", ca, Subject{"system:kube-scheduler", nil, []string{"localhost", "127.0.0.1"}}},
	}
	pki := &PKI{Dir: dir, CA: ca}
	for _, each := range wanted {
		pair, err := each.by.sign(each.Subject)
		if err != nil {
			return nil, fmt.Errorf("signing %s: %w", each.file, err)
		}
		if each.file == "admin" {
			pki.Admin = pair
		}
		base := filepath.Join(dir, each.file)
		if err := errors.Join(writeFile(base+".key", pair.Key, 0o600), writeFile(base+".crt", pair.Cert, 0o644)); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{"controller-manager", "scheduler"} {
		base := filepath.Join(dir, name)
		text := kubeconfig(options.URL, ca.Cert, "client-certificate: "+base+".crt", "client-key: "+base+".key")
		if err := writeFile(base+".conf", text, 0o600); err != nil {
			return nil, err
		}
	}
	return pki, nil
}

// file returns the path of one of the PKI's files.
func (p *PKI) file(name string) string { return filepath.Join(p.Dir, name) }

// makeTokenKey makes the key that service accounts' tokens are signed with.
func makeTokenKey(file string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	text, err := encodeKey(key)
	if err != nil {
		return err
	}
	return writeFile(file, text, 0o600)
}

// kubeconfig returns a file that says how to reach a cluster, and as whom; the latter in lines of its own.
func kubeconfig(server string, ca []byte, user ...string) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, `apiVersion: v1
kind: Config
clusters:
- name: default
  cluster:
    certificate-authority-data: %s
    server: %s
users:
- name: default
  user:
`, base64.StdEncoding.EncodeToString(ca), server)
	for _, line := range user {
		fmt.Fprintf(&text, "    %s\n", line)
	}
	text.WriteString(`contexts:
- name: default
  context:
    cluster: default
    user: default
current-context: default
`)
	return text.Bytes()
}

// inline returns the lines of a kubeconfig that carry a certificate and its key.
func (p Pair) inline() []string {
	return []string{
		"client-certificate-data: " + base64.StdEncoding.EncodeToString(p.Cert),
		"client-key-data: " + base64.StdEncoding.EncodeToString(p.Key),
	}
}

// firstAddress returns the first address of a network after its own: the cluster's API has it among services.
func firstAddress(cidr string) (net.IP, error) {
	_, network, err := net.ParseCIDR(cidr)
	if err != nil {
		return nil, err
	}
	ip := append(net.IP{}, network.IP...)
	ip[len(ip)-1]++
	return ip, nil
}

func parseCert(text []byte) (*x509.Certificate, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("no certificate where one should be")
	}
	return x509.ParseCertificate(block.Bytes)
}

func encodeCert(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func encodeKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

func serial() *big.Int {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		panic(err)
	}
	return number
}
