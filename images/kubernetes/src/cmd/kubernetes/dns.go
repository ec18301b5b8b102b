package main

import (
	"slices"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	// CoreDNS with what a cluster's name service uses, and nothing of the forty other plugins.
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/forward"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/hosts"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/loadbalance"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/loop"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/reload"
)

// dnsPlugins are the plugins above, in CoreDNS.
var dnsPlugins = []string{
	"cache", "errors", "forward", "health", "hosts", "kubernetes", "loadbalance", "log", "loop", "ready", "reload",
}

func runDNS() int {
	// The order in which plugins handle a query is CoreDNS's own; what is not built in is left out of it.
	dnsserver.Directives = slices.DeleteFunc(dnsserver.Directives, func(name string) bool {
		return !slices.Contains(dnsPlugins, name)
	})
	coremain.Run()
	return 0
}
