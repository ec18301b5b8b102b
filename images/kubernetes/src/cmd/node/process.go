package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// say writes one line about the node itself.
func say(format string, words ...any) {
	fmt.Printf("node: "+format+"\n", words...)
}

// Processes are the programs that a node runs. One that ends is started again, after a second, then two, four, eight.
type Processes struct {
	ctx     context.Context
	running sync.WaitGroup
	writing sync.Mutex
}

// keep runs a program until the node ends.
func (p *Processes) keep(name string, command ...string) {
	say("starting %s", name)
	p.running.Add(1)
	go func() {
		defer p.running.Done()
		for wait := time.Second; p.ctx.Err() == nil; wait = min(2*wait, 8*time.Second) {
			began := time.Now()
			err := p.run(name, command)
			if p.ctx.Err() != nil {
				return
			}
			if time.Since(began) > time.Minute {
				wait = time.Second
			}
			say("%s ended (%v); starting it again in %s", name, err, wait)
			pause(p.ctx, wait)
		}
	}()
}

func (p *Processes) run(name string, command []string) error {
	started := exec.CommandContext(p.ctx, command[0], command[1:]...)
	// Told to end, it has a second: the scene gives the whole node a few.
	started.Cancel = func() error { return started.Process.Signal(syscall.SIGTERM) }
	started.WaitDelay = time.Second
	started.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	started.Stdout, started.Stderr = write, write
	if err := errors.Join(started.Start(), write.Close()); err != nil {
		read.Close()
		return err
	}
	go p.copyLines(name, read)
	return started.Wait()
}

// copyLines writes what a program says to our own output, each line under the program's name.
func (p *Processes) copyLines(name string, from io.ReadCloser) {
	defer from.Close()
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			p.writing.Lock()
			fmt.Fprintf(os.Stdout, "%s: %s", name, line)
			if line[len(line)-1] != '\n' {
				fmt.Fprintln(os.Stdout)
			}
			p.writing.Unlock()
		}
		if err != nil {
			return
		}
	}
}
