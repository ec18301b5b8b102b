// Command node makes a container into a node of a Kubernetes cluster.
//
// It is started like k3s: `node server` or `node agent`, with K3S_TOKEN, K3S_URL, K3S_KUBECONFIG_OUTPUT and
// K3S_KUBECONFIG_MODE, so that one scene file starts either. It prepares the ground, signs certificates, writes
// settings, and keeps the programs of Kubernetes running; all the rest is theirs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// commands are what `lab` asks a running node for.
var commands = map[string]func(words []string) error{
	"renew":   renew,
	"prepare": func(words []string) error { return prepareImages(words, os.Stdin) },
}

func main() {
	if len(os.Args) > 1 && commands[os.Args[1]] != nil {
		if err := commands[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "node: %v\n", err)
			os.Exit(1)
		}
		return
	}
	options, err := readOptions(os.Args[1:], os.Getenv)
	if err != nil {
		fmt.Fprintf(os.Stderr, "node: %v\nusage: node server|agent [FLAG …]\n", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, options); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(os.Stderr, "node: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, options Options) error {
	// A start that fails ends what it had started.
	ctx, end := context.WithCancel(ctx)
	processes := &Processes{ctx: ctx}
	defer processes.running.Wait()
	defer end()

	_ = os.Remove(readyFile)
	if len(options.Ignored) > 0 {
		say("not known here, and left alone: %s", strings.Join(options.Ignored, " "))
	}
	ground, err := prepare()
	if err != nil {
		return err
	}
	say("%s at %s", options.Name, ground.Address)
	guardAddresses(options.PodCIDR, options.ServiceNet)
	// A peer that vanished is given up after seconds instead of most of a minute (k8s.io/apimachinery/pkg/util/net).
	os.Setenv("HTTP2_READ_IDLE_TIMEOUT_SECONDS", "4")
	os.Setenv("HTTP2_PING_TIMEOUT_SECONDS", "2")
	if err := writeContainerdConfig(ground); err != nil {
		return err
	}
	ready := adopt(options.Images, ground)
	processes.keep("containerd", "containerd", "--config", containerdConfig, "--log-level", "warn")

	imported := make(chan error, 1)
	go func() {
		if ready {
			imported <- awaitSocket(ctx, containerdSocket)
		} else {
			imported <- importPause(ctx, containerdSocket)
		}
	}()
	if options.Server {
		err = serve(ctx, processes, options, ground, imported)
	} else {
		err = join(ctx, processes, options, ground, imported)
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	say("stopping")
	return nil
}

// serve makes this node the control plane, and a node for pods as well.
func serve(ctx context.Context, processes *Processes, options Options, ground Ground, imported <-chan error) error {
	health.set("equipped", false)
	if !options.Disabled["coredns"] {
		health.set("names", false)
	}
	pki, api, err := runServer(ctx, processes, &options, ground)
	if err != nil {
		return err
	}
	granted, equipped := make(chan error, 1), make(chan error, 1)
	go func() {
		granted <- grant(ctx, api, options)
		equipped <- equip(ctx, api, options)
	}()
	go approveServing(ctx, api)
	if err := <-imported; err != nil {
		return err
	}
	// The kubelet may do what it does by being a node. Everything else needs roles, which are there with readiness.
	open := func() error {
		if err := awaitAPI(ctx, api, "/readyz"); err != nil {
			return err
		}
		say("the API server is ready")
		startControllers(processes, options, pki)
		if err := <-granted; err != nil {
			return err
		}
		return welcome(ctx, api, options, pki.CA.Cert)
	}
	if err := startWorker(ctx, processes, options, ground, pki.CA.Cert, pki, open); err != nil {
		return err
	}
	if err := markControlPlane(ctx, api, options.Name); err != nil {
		return err
	}
	if err := <-equipped; err != nil {
		return err
	}
	health.set("equipped", true)
	if !options.Disabled["coredns"] {
		go awaitNames(ctx, api)
	}
	if !options.Disabled["local-storage"] {
		go provideVolumes(ctx, api)
	}
	return nil
}

// join makes this node one more for pods.
func join(ctx context.Context, processes *Processes, options Options, ground Ground, imported <-chan error) error {
	var ca []byte
	patience, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	err := until(patience, 250*time.Millisecond, func() (err error) {
		ca, err = discover(patience, options.URL, bootstrapToken(options.Token))
		if errors.Is(err, errOtherSecret) {
			cancel()
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("joining %s: %w", options.URL, err)
	}
	say("the server at %s knows the token", options.URL)
	if err := <-imported; err != nil {
		return err
	}
	return startWorker(ctx, processes, options, ground, ca, nil, nil)
}
