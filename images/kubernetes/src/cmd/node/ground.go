package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// Ground is what this machine's kernel lets a node do, found by trying.
type Ground struct {
	Address     net.IP
	Snapshotter string
	// Whether a process may be made less likely to be killed for want of memory than its parent is.
	MayLowerOOM bool
}

// prepare makes this container fit to be a node.
func prepare() (Ground, error) {
	var ground Ground
	if err := os.MkdirAll(dataDir, 0o755); err != nil {
		return ground, err
	}
	// Volumes that pods share with the node must be seen on both sides.
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		return ground, fmt.Errorf("mounts cannot be shared (%w): the node must run privileged", err)
	}
	if err := evacuate(); err != nil {
		return ground, err
	}
	if _, err := os.Stat("/dev/kmsg"); err != nil {
		// The kubelet looks there for processes that the kernel killed, and does not start without.
		_ = os.Symlink("/dev/console", "/dev/kmsg")
	}
	choosePacketFilter()
	for name, value := range map[string]string{
		"net/ipv4/ip_forward":              "1",
		"net/ipv4/conf/all/rp_filter":      "0",
		"net/ipv4/conf/all/route_localnet": "1",
		// Ports that NodePort services use are not given to anybody's outgoing connection.
		"net/ipv4/ip_local_reserved_ports": "30000-32767",
	} {
		if err := os.WriteFile("/proc/sys/"+name, []byte(value), 0o644); err != nil && name == "net/ipv4/ip_forward" {
			return ground, fmt.Errorf("packets cannot be forwarded: %w", err)
		}
	}
	raiseInotify()
	address, err := ownAddress()
	if err != nil {
		return ground, err
	}
	ground.Address = address
	ground.Snapshotter = "native"
	if mayOverlay(dataDir) {
		ground.Snapshotter = "overlayfs"
	} else {
		say("layers cannot be laid over each other here: images are copied, which is slower")
	}
	ground.MayLowerOOM = mayLowerOOM()
	return ground, nil
}

// evacuate moves every process into a group below this container's own.
//
// Version 2 of cgroups: a group that has processes cannot hand controllers to its children, and this container's own
// group has us (the kernel's "no internal processes" rule).
func evacuate() error {
	const root = "/sys/fs/cgroup"
	controllers, err := os.ReadFile(filepath.Join(root, "cgroup.controllers"))
	if err != nil {
		// Version 1 has no such rule, and no such file.
		return nil
	}
	if err := os.MkdirAll(filepath.Join(root, "init"), 0o755); err != nil {
		return fmt.Errorf("no group can be made below this container's: %w", err)
	}
	// A process that was born meanwhile is still outside: move until none is left. Kernel threads cannot move.
	for range 20 {
		processes, err := os.ReadFile(filepath.Join(root, "cgroup.procs"))
		if err != nil || len(bytes.TrimSpace(processes)) == 0 {
			break
		}
		for _, pid := range strings.Fields(string(processes)) {
			_ = os.WriteFile(filepath.Join(root, "init", "cgroup.procs"), []byte(pid), 0o644)
		}
	}
	given := map[string]bool{}
	for _, name := range strings.Fields(string(controllers)) {
		err := os.WriteFile(filepath.Join(root, "cgroup.subtree_control"), []byte("+"+name), 0o644)
		given[name] = err == nil
	}
	for _, name := range []string{"cpu", "memory", "pids"} {
		if !given[name] {
			return fmt.Errorf("the cgroup controller %s cannot be handed on, and pods need it; `lab doctor` says why", name)
		}
	}
	return nil
}

// choosePacketFilter makes `iptables` mean the one of its two kinds that works on this kernel.
//
// Tried with what kube-proxy will ask for, in a table of this container's network alone.
func choosePacketFilter() {
	for _, kind := range []string{"nft", "legacy"} {
		if !filters("iptables-" + kind) {
			continue
		}
		for _, name := range []string{"iptables", "ip6tables"} {
			_ = exec.Command("update-alternatives", "--quiet", "--set", name, "/usr/sbin/"+name+"-"+kind).Run()
		}
		say("packet filter: %s", kind)
		return
	}
	say("this kernel lets no container filter packets: services will have no addresses")
}

func filters(program string) bool {
	const chain = "DRYDOCK-PROBE"
	run := func(words ...string) bool {
		return exec.Command(program, append([]string{"-w", "-t", "nat"}, words...)...).Run() == nil
	}
	if !run("-N", chain) {
		return false
	}
	defer run("-X", chain)
	defer run("-F", chain)
	return run("-A", chain, "-m", "comment", "--comment", "probe", "-m", "addrtype", "--dst-type", "LOCAL", "-j", "RETURN") &&
		run("-A", chain, "-m", "statistic", "--mode", "random", "--probability", "0.5", "-j", "RETURN") &&
		run("-A", chain, "-j", "MARK", "--or-mark", "0x4000") &&
		run("-A", chain, "-m", "mark", "!", "--mark", "0x4000/0x4000", "-j", "RETURN") &&
		run("-A", chain, "-j", "MASQUERADE")
}

// guardAddresses keeps the cluster's own addresses on its own network: pods leave it under their node's address, and
// what is sent to a service that nobody has wired up yet is refused here, instead of asking the world for it.
func guardAddresses(pods, services string) {
	note := []string{"-m", "comment", "--comment", "drydock: the cluster's own addresses stay here"}
	for _, rule := range [][]string{
		{"nat", "POSTROUTING", "-s", pods, "!", "-d", pods, "-m", "addrtype", "!", "--dst-type", "LOCAL", "-j", "MASQUERADE"},
		// By the time of these, a service that leads somewhere has been replaced by where it leads.
		{"filter", "OUTPUT", "-d", services, "-j", "REJECT"},
		{"filter", "FORWARD", "-d", services, "-j", "REJECT"},
	} {
		words := append(append([]string{rule[1]}, rule[2:]...), note...)
		iptables := func(what string) ([]byte, error) {
			return exec.Command("iptables", append([]string{"-w", "-t", rule[0], what}, words...)...).CombinedOutput()
		}
		if _, err := iptables("-C"); err == nil {
			continue
		}
		if out, err := iptables("-A"); err != nil {
			say("the rule %v cannot be set: %s", rule, bytes.TrimSpace(out))
		}
	}
	// A pod that is gone has no route of its own any more: whoever still calls it is told so at once.
	if err := ip("route", "replace", "unreachable", pods); err != nil {
		say("what is sent to pods that are gone may leave the cluster: %v", err)
	}
}

// raiseInotify asks for as many watched files as a few dozen pods need; the kernel shares one number among containers.
func raiseInotify() {
	for name, wanted := range map[string]int{"max_user_instances": 1024, "max_user_watches": 524288} {
		file := "/proc/sys/fs/inotify/" + name
		var now int
		text, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		if _, err := fmt.Sscan(string(text), &now); err == nil && now < wanted {
			_ = os.WriteFile(file, fmt.Append(nil, wanted), 0o644)
		}
	}
}

// ownAddress returns the address by which other nodes reach this one: the one that the default route leaves from.
func ownAddress() (net.IP, error) {
	// Nothing is sent: connecting a datagram socket only asks the kernel for a route.
	connection, err := net.Dial("udp4", "192.0.2.1:9")
	if err != nil {
		return nil, errors.New("this node has no default route; its network must not be internal")
	}
	defer connection.Close()
	return connection.LocalAddr().(*net.UDPAddr).IP, nil
}

// mayOverlay tries whether layers can be laid over each other where images will lie.
func mayOverlay(where string) bool {
	folder, err := os.MkdirTemp(where, "probe-")
	if err != nil {
		return false
	}
	defer os.RemoveAll(folder)
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if os.Mkdir(filepath.Join(folder, name), 0o755) != nil {
			return false
		}
	}
	layers := fmt.Sprintf("lowerdir=%[1]s/lower,upperdir=%[1]s/upper,workdir=%[1]s/work", folder)
	merged := filepath.Join(folder, "merged")
	if syscall.Mount("overlay", merged, "overlay", 0, layers) != nil {
		return false
	}
	return syscall.Unmount(merged, 0) == nil
}

// mayLowerOOM tries whether the kernel's choice of what to kill may be steered; it needs CAP_SYS_RESOURCE.
func mayLowerOOM() bool {
	const file = "/proc/self/oom_score_adj"
	before, err := os.ReadFile(file)
	if err != nil || os.WriteFile(file, []byte("-998"), 0o644) != nil {
		return false
	}
	_ = os.WriteFile(file, bytes.TrimSpace(before), 0o644)
	return true
}
