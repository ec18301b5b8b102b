package main

import (
	"os"
	"sync"
)

// readyFile is there as long as the node is ready; the image's health check looks for it and for nothing else.
const readyFile = "/run/drydock-ready"

// Health is what has to be true for the node to be of use.
type Health struct {
	lock  sync.Mutex
	facts map[string]bool
	file  string
	ready bool
}

var health = &Health{facts: map[string]bool{"node": false}, file: readyFile}

// set notes one fact and makes the file appear or vanish.
func (h *Health) set(fact string, holds bool) {
	h.lock.Lock()
	defer h.lock.Unlock()
	h.facts[fact] = holds
	ready := true
	for _, each := range h.facts {
		ready = ready && each
	}
	if ready == h.ready {
		return
	}
	h.ready = ready
	if ready {
		say("ready")
		_ = os.WriteFile(h.file, nil, 0o644)
	} else {
		say("not ready")
		_ = os.Remove(h.file)
	}
}
