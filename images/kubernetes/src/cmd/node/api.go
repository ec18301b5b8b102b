package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// API speaks to the cluster's API server: plain requests, for the few things that a node's start needs.
type API struct {
	base string
	http *http.Client
}

// newAPI makes a client that trusts one authority and shows one certificate.
func newAPI(server string, ca []byte, identity Pair) (*API, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(ca) {
		return nil, errors.New("the cluster's authority is no certificate")
	}
	config := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	if len(identity.Cert) > 0 {
		pair, err := tls.X509KeyPair(identity.Cert, identity.Key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return &API{server, &http.Client{Transport: transport(config)}}, nil
}

func transport(config *tls.Config) *http.Transport {
	return &http.Transport{
		TLSClientConfig: config,
		// HTTP/1.1: a server that vanished is noticed by the connection, and there is little to send at once.
		DialContext:           (&net.Dialer{Timeout: 2 * time.Second, KeepAlive: 3 * time.Second}).DialContext,
		ResponseHeaderTimeout: 15 * time.Second,
		IdleConnTimeout:       time.Minute,
	}
}

// statusError is an answer that says no.
type statusError struct {
	code int
	text string
}

func (e *statusError) Error() string { return fmt.Sprintf("%d: %s", e.code, e.text) }

// isStatus tells whether an error is an answer with this code.
func isStatus(err error, code int) bool {
	var status *statusError
	return errors.As(err, &status) && status.code == code
}

// call sends one request and decodes the answer, if somebody wants it.
func (a *API) call(ctx context.Context, method, path, kind string, body []byte, into any) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	response, err := a.send(ctx, method, path, kind, body)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || into == nil {
		return err
	}
	if raw, ok := into.(*string); ok {
		*raw = string(text)
		return nil
	}
	return json.Unmarshal(text, into)
}

func (a *API) send(ctx context.Context, method, path, kind string, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, a.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(response.Body, 2000))
		return nil, &statusError{response.StatusCode, strings.TrimSpace(string(text))}
	}
	return response, nil
}

// get asks for one thing.
func (a *API) get(ctx context.Context, path string, into any) error {
	return a.call(ctx, http.MethodGet, path, "", nil, into)
}

// apply makes the thing at a path what a manifest says.
func (a *API) apply(ctx context.Context, path string, manifest []byte) error {
	return a.call(ctx, http.MethodPatch, path+"?fieldManager=drydock&force=true", "application/apply-patch+yaml", manifest, nil)
}

// Meta is what every thing in the API carries.
type Meta struct {
	Name              string            `json:"name"`
	ResourceVersion   string            `json:"resourceVersion,omitempty"`
	DeletionTimestamp string            `json:"deletionTimestamp,omitempty"`
	Labels            map[string]string `json:"labels,omitempty"`
}

// watch calls `each` with every thing at a path, and again whenever one changes, until the context ends.
//
// `gone` is told of what was deleted; `all` is told, after each listing, of everything that there is.
func watch[T any](ctx context.Context, api *API, path string, all func([]T), each func(T), gone func(T)) {
	for ctx.Err() == nil {
		if err := watchOnce(ctx, api, path, all, each, gone); err != nil && ctx.Err() == nil {
			pause(ctx, time.Second)
		}
	}
}

func watchOnce[T any](ctx context.Context, api *API, path string, all func([]T), each func(T), gone func(T)) error {
	var list struct {
		Metadata Meta `json:"metadata"`
		Items    []T  `json:"items"`
	}
	if err := api.get(ctx, path, &list); err != nil {
		return err
	}
	all(list.Items)
	mark := "?"
	if strings.Contains(path, "?") {
		mark = "&"
	}
	// The server ends a watch after this time; asking anew also mends a connection that died unnoticed.
	response, err := api.send(ctx, http.MethodGet,
		path+mark+"watch=1&timeoutSeconds=60&resourceVersion="+list.Metadata.ResourceVersion, "", nil)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	events := json.NewDecoder(response.Body)
	for {
		var event struct {
			Type   string          `json:"type"`
			Object json.RawMessage `json:"object"`
		}
		if err := events.Decode(&event); err != nil {
			return err
		}
		var thing T
		switch event.Type {
		case "ADDED", "MODIFIED":
			if err := json.Unmarshal(event.Object, &thing); err != nil {
				return err
			}
			each(thing)
		case "DELETED":
			if err := json.Unmarshal(event.Object, &thing); err != nil {
				return err
			}
			gone(thing)
		case "ERROR":
			return fmt.Errorf("watching %s: %s", path, event.Object)
		}
	}
}

// until tries again until it works or the context ends.
func until(ctx context.Context, every time.Duration, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return err
		}
		pause(ctx, every)
	}
}

// pause waits, or returns early when the context ends.
func pause(ctx context.Context, long time.Duration) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
