package runner

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// unshared is the environment variable that says that this program was run again.
const unshared = "PUBSUBLAB_UNSHARED"

// unshare is the command, of util-linux, that makes a user namespace in which one stays who one is, and
// may make networks. What it runs takes its place.
var unshare = []string{"unshare", "--user", "--map-current-user", "--keep-caps"}

// Unshare runs this very program again, in its place, where it may make networks of its own for
// programs whose source fixes a port. It returns where it may do so already, or where that cannot be
// had, and then says why.
func Unshare() error {
	again := os.Getenv(unshared) != ""
	_ = os.Unsetenv(unshared) // it is nobody else's business
	network, err := newNamespace()
	if err == nil {
		return network.file.Close()
	}
	if again {
		return err
	}
	try := exec.Command(unshare[0], append(unshare[1:], "unshare", "--net", "true")...)
	if err := try.Run(); err != nil {
		return errors.Join(errors.New("no user namespace"), err)
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	words := append(append(unshare[:len(unshare):len(unshare)], self), os.Args[1:]...)
	return syscall.Exec(try.Path, words, append(os.Environ(), unshared+"=1"))
}
