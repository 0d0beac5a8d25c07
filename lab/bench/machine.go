package bench

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/shirou/gopsutil/v4/cpu"
	"github.com/shirou/gopsutil/v4/host"
	"github.com/shirou/gopsutil/v4/mem"
)

// Machine is what it was measured on; empty where the system does not tell.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Memory string `json:"memory"`
	System string `json:"system"`
	Go     string `json:"go"`
	Commit string `json:"commit"` // of the checkout

	// Busy is how much of all its processors other programs took, in percent, in a second before
	// the run or in one after it, whichever is more.
	Busy float64 `json:"busyPercent"`
}

// tooBusy is from how many percent on other programs have a say in what is measured.
const tooBusy = 10

// Warning says that figures say little because the machine was busy, or is "".
func (m Machine) Warning() string {
	if m.Busy < tooBusy {
		return ""
	}
	return fmt.Sprintf("This machine was busy with other programs, which took %.0f %% of its processors: what was measured says little, "+
		"and a missed target nothing.", m.Busy)
}

// look looks how busy the machine is while the benchmark does nothing.
func (m *Machine) look(ctx context.Context) {
	if busy, err := cpu.PercentWithContext(ctx, time.Second, false); err == nil && len(busy) == 1 {
		m.Busy = max(m.Busy, busy[0])
	}
}

func thisMachine() Machine {
	m := Machine{Cores: runtime.NumCPU(), Go: runtime.Version()}
	if info, err := cpu.Info(); err == nil && len(info) > 0 {
		m.CPU = strings.TrimSpace(info[0].ModelName)
	}
	if memory, err := mem.VirtualMemory(); err == nil {
		m.Memory = humanize.IBytes(memory.Total)
	}
	if info, err := host.Info(); err == nil {
		m.System = fmt.Sprintf("%s %s, kernel %s, %s", info.Platform, info.PlatformVersion, info.KernelVersion, info.KernelArch)
	}
	if commit, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(commit))
	}
	return m
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %d cores, %s, %s, %s", m.CPU, m.Cores, m.Memory, m.System, m.Go)
}
