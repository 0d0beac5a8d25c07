package topology

import (
	"archive/tar"
	"cmp"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/moby/moby/api/types/image"
	"github.com/moby/moby/client"
)

// Labels of images that come from the Dockerfiles, whoever built them, and from here.
const (
	imageLabel     = "pubsublab.image"     // what it is: server, client, demo, nats, go, or build, a stage that is left as a cache
	toolchainLabel = "pubsublab.toolchain" // of a stand-in for the Go image: the toolchain that it holds
)

// standInRepo is the name of the stand-ins for the Go image. Their tags are of their content, so
// that they never move.
const standInRepo = "pubsublab/go"

// goImage returns an image on the engine that can build Go: the wanted one where it is there or can
// be pulled, or else a stand-in made from the Go installation of this machine. A stand-in that is
// there already is preferred to asking the registry, which may take a while not to answer.
func (d *docker) goImage(ctx context.Context, wanted string, say Progress) (string, error) {
	if found := d.goImages[wanted]; found != "" {
		return found, nil
	}
	found, err := d.findGoImage(ctx, wanted, say)
	if err == nil {
		d.goImages[wanted] = found
	}
	return found, err
}

func (d *docker) findGoImage(ctx context.Context, wanted string, say Progress) (string, error) {
	if _, err := d.api.ImageInspect(ctx, wanted); err == nil {
		return wanted, nil
	}
	standIn, standInErr := newStandIn(ctx)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if standInErr == nil {
		if name := d.current(ctx, standIn); name != "" {
			return name, nil
		}
	}
	pullErr := d.fetch(ctx, wanted, say)
	if pullErr == nil {
		return wanted, nil
	}
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if standInErr == nil {
		standInErr = d.fits(ctx, standIn)
	}
	if standInErr != nil {
		return "", fmt.Errorf("the image %s can neither be pulled (%w) nor be made from this machine's Go (%w)", wanted, pullErr, standInErr)
	}
	say.say("image "+standIn.name, wanted+" cannot be pulled: packing "+standIn.root)
	began := time.Now()
	size, err := d.importStandIn(ctx, standIn)
	if err != nil {
		return "", fmt.Errorf("making the image %s from %s: %w", standIn.name, standIn.root, err)
	}
	say.done("image "+standIn.name, fmt.Sprintf("stands in for %s, which cannot be pulled; %s, %s", wanted, humanize.Bytes(uint64(size)), seconds(began)))
	return standIn.name, nil
}

// current returns the name of the stand-in on the engine that is made from what it would be made
// from now, or "". Where Go is not to use the network, any with the same toolchain is it: another
// one would have none of the layers that were built upon that, and could not download modules.
func (d *docker) current(ctx context.Context, s *standIn) string {
	if _, err := d.api.ImageInspect(ctx, s.name); err == nil {
		return s.name
	}
	if !s.offline {
		return ""
	}
	found, err := d.api.ImageList(ctx, client.ImageListOptions{
		Filters: client.Filters{}.Add("reference", standInRepo).Add("label", toolchainLabel+"="+s.toolchain),
	})
	if err != nil || len(found.Items) == 0 {
		return ""
	}
	youngest := slices.MaxFunc(found.Items, func(a, b image.Summary) int { return cmp.Compare(a.Created, b.Created) })
	return youngest.RepoTags[0]
}

// fits reports why the stand-in could not run on the engine.
func (d *docker) fits(ctx context.Context, s *standIn) error {
	version, err := d.api.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return err
	}
	if engine := version.Os + "/" + version.Arch; engine != s.platform {
		return fmt.Errorf("it is for %s, and the engine runs %s", s.platform, engine)
	}
	return nil
}

// importStandIn makes the image and returns its size in bytes.
func (d *docker) importStandIn(ctx context.Context, s *standIn) (int64, error) {
	reader, writer := io.Pipe()
	go func() { writer.CloseWithError(s.write(writer)) }()
	defer reader.Close()
	result, err := d.api.ImageImport(ctx, client.ImageImportSource{Source: reader, SourceName: "-"}, s.name,
		client.ImageImportOptions{Changes: s.changes()})
	if err != nil {
		return 0, err
	}
	// The answer ends when the import has; its content is only the image's hash.
	_, err = io.Copy(io.Discard, result)
	if err = errors.Join(err, result.Close()); err != nil {
		return 0, err
	}
	image, err := d.api.ImageInspect(ctx, s.name)
	return image.Size, err
}

// A standIn is a Go image to be made from the Go installation of this machine: the toolchain is
// static, so that it runs in an image with nothing else in it, not even a shell.
type standIn struct {
	name      string // ends with a hash of all that follows
	toolchain string // version and architecture
	platform  string // OS/ARCH of the toolchain
	root      string // GOROOT
	env       []string
	certs     []byte // the machine's certificates, which the module proxy's is checked against; may be empty
	offline   bool   // GOPROXY=off: modules are not to be downloaded
}

// certFiles are the usual places of the system's certificates; SSL_CERT_FILE comes first.
var certFiles = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Alpine, Arch
	"/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, Red Hat
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // newer Red Hat
	"/etc/ssl/ca-bundle.pem",                            // SUSE
	"/etc/ssl/cert.pem",                                 // BSD, Void
}

// certTarget is where Go looks first, inside the image.
const certTarget = "etc/ssl/certs/ca-certificates.crt"

func newStandIn(ctx context.Context) (*standIn, error) {
	output, err := exec.CommandContext(ctx, "go", "env", "-json").Output()
	if err != nil {
		return nil, fmt.Errorf("the go command does not run: %w", err)
	}
	var settings map[string]string
	if err := json.Unmarshal(output, &settings); err != nil {
		return nil, fmt.Errorf("go env: %w", err)
	}
	version := strings.TrimPrefix(settings["GOVERSION"], "go")
	settings["GOPROXY"] = reachable(settings["GOPROXY"])
	s := &standIn{
		toolchain: strings.Map(tagRune, version) + "-" + settings["GOHOSTARCH"],
		platform:  settings["GOHOSTOS"] + "/" + settings["GOHOSTARCH"],
		root:      settings["GOROOT"],
		offline:   settings["GOPROXY"] == "off",
		env: []string{
			"PATH=/usr/local/go/bin", "GOPATH=/go", "GOCACHE=/tmp/go-build", "GOTOOLCHAIN=local", "CGO_ENABLED=0",
		},
	}
	for _, name := range moduleSettings {
		if value := settings[name]; value != "" {
			s.env = append(s.env, name+"="+value)
		}
	}
	if s.root, err = filepath.EvalSymlinks(s.root); err != nil {
		return nil, err
	}
	if err := static(filepath.Join(s.root, "bin", "go")); err != nil {
		return nil, err
	}
	for _, file := range append([]string{os.Getenv("SSL_CERT_FILE")}, certFiles...) {
		if s.certs, err = os.ReadFile(file); err == nil {
			break
		}
	}
	hash := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", settings["GOVERSION"], s.env, s.certs))
	s.name = standInRepo + ":" + s.toolchain + "-" + hex.EncodeToString(hash[:6])
	return s, nil
}

// static reports why a program could not run in an image with nothing else in it.
func static(program string) error {
	file, err := elf.Open(program)
	if err != nil {
		return fmt.Errorf("%s is not a Linux program: %w", program, err)
	}
	defer file.Close()
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			return fmt.Errorf("%s is not a static program; the Go of https://go.dev/dl is", program)
		}
	}
	return nil
}

// tagRune replaces what a development version of Go has in its name and an image's tag must not
// have.
func tagRune(r rune) rune {
	if r == '.' || r == '-' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
		return r
	}
	return '_'
}

// changes are the Dockerfile instructions that complete the imported files.
func (s *standIn) changes() []string {
	changes := []string{"LABEL " + imageLabel + "=go " + toolchainLabel + "=" + s.toolchain}
	for _, setting := range s.env {
		name, value, _ := strings.Cut(setting, "=")
		changes = append(changes, "ENV "+name+"="+strconv.Quote(value))
	}
	return changes
}

// write writes the image's files: the toolchain, the certificates and the folders that a build
// writes into.
func (s *standIn) write(w io.Writer) error {
	out := tar.NewWriter(w)
	for _, dir := range []string{"tmp/", "go/"} {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o777}); err != nil {
			return err
		}
	}
	if err := writeFile(out, certTarget, 0o644, int64(len(s.certs)), strings.NewReader(string(s.certs))); err != nil {
		return err
	}
	return errors.Join(writeTree(out, s.root, ""), out.Close())
}

// writeTree writes the needed part of a Go installation, from the folder rel of it on. It goes
// through links, of which some distributions make their installation.
func writeTree(out *tar.Writer, root, rel string) error {
	entries, err := os.ReadDir(filepath.Join(root, rel))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		below := path.Join(rel, entry.Name())
		info, err := os.Stat(filepath.Join(root, below))
		if err != nil {
			return err
		}
		switch {
		case unneeded(below, info.IsDir()):
		case info.IsDir():
			err = writeTree(out, root, below)
		case info.Mode().IsRegular():
			var file *os.File
			if file, err = os.Open(filepath.Join(root, below)); err == nil {
				err = errors.Join(writeFile(out, "usr/local/go/"+below, int64(info.Mode().Perm()), info.Size(), file), file.Close())
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func writeFile(out *tar.Writer, name string, mode, size int64, content io.Reader) error {
	if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: size}); err != nil {
		return err
	}
	_, err := io.Copy(out, content)
	return err
}

// unneeded tells which parts of a Go installation a build of a program does not need: half of it.
func unneeded(rel string, dir bool) bool {
	if dir {
		return slices.Contains([]string{"api", "doc", "misc", "test", "src/cmd"}, rel) || path.Base(rel) == "testdata"
	}
	return strings.HasSuffix(rel, "_test.go")
}
