package cage

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// A User runs the programs of submissions.
type User struct {
	Name     string
	UID, GID int
}

func (u *User) String() string { return u.Name }

// Lookup finds the user whose name, or number, it is. A number need not belong to anybody.
func Lookup(name string) (*User, error) {
	if !supported {
		return nil, errors.New("programs can run as another user on Linux only: grade images, or use --trust")
	}
	found, err := user.Lookup(name)
	number, notNumber := strconv.ParseUint(name, 10, 31)
	if err != nil && notNumber == nil {
		found, err = user.LookupId(name)
	}
	u := &User{Name: name, UID: int(number), GID: int(number)}
	switch {
	case err == nil:
		if u.UID, err = strconv.Atoi(found.Uid); err != nil {
			return nil, err
		}
		if u.GID, err = strconv.Atoi(found.Gid); err != nil {
			return nil, err
		}
		u.Name = found.Username
	case notNumber != nil:
		return nil, fmt.Errorf("there is no user %q (as root: useradd --system --no-create-home %s)", name, name)
	}
	switch {
	case u.UID == 0 || u.UID == os.Geteuid():
		return nil, fmt.Errorf("%s is the user who grades, or root; expected another one, made for submissions", name)
	case os.Geteuid() != 0:
		return nil, fmt.Errorf("only root can start programs as %s: use sudo, or --trust for programs of your own", name)
	}
	return u, nil
}
