package runner

import (
	"net"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// namespace is a network of its own for the programs of one run, with nothing in it but loopback: there
// a port that a source fixes is free, whoever uses it elsewhere. The nil one is the machine's. It ends
// with the last program in it and when nobody holds it any more.
type namespace struct{ file *os.File }

// newNamespace makes a network in which this machine's own addresses lead to itself. That takes the
// right to, which root has where no container takes it away.
func newNamespace() (n *namespace, err error) {
	err = ownThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("unshare", err)
		}
		file, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			return err
		}
		n = &namespace{file}
		return raise()
	})
	return n, err
}

// enter does something in the network: what is opened and started then is in it.
func (n *namespace) enter(do func() error) error {
	if n == nil {
		return do()
	}
	return ownThread(func() error {
		if err := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return os.NewSyscallError("setns", err)
		}
		return do()
	})
}

// table is where the system lists the sockets of the network that a process is in.
func (n *namespace) table(pid int, name string) string {
	if n == nil {
		return "/proc/net/" + name
	}
	return "/proc/" + strconv.Itoa(pid) + "/net/" + name
}

// ownThread does something on a thread of the system that ends with it, since what it changed of it
// nobody else may have. It is not the first thread, which stands for the process in /proc.
func ownThread(do func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			err := ownThread(do)
			runtime.UnlockOSThread()
			done <- err
			return
		}
		done <- do()
	}()
	return <-done
}

// raise brings up the loopback of the thread's network, with the addresses of this machine: some
// servers listen at that of the host's name.
func raise() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return os.NewSyscallError("ioctl", err)
	}
	for i, host := range localHosts() {
		ip := net.ParseIP(host).To4()
		if ip == nil || ip.IsLoopback() {
			continue
		}
		alias, err := unix.NewIfreq("lo:" + strconv.Itoa(i))
		if err != nil {
			return err
		}
		if err := alias.SetInet4Addr(ip); err != nil {
			return err
		}
		if err := unix.IoctlIfreq(socket, unix.SIOCSIFADDR, alias); err != nil {
			return os.NewSyscallError("ioctl", err)
		}
	}
	return nil
}
