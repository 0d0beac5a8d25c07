package topology

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/dustin/go-humanize"
	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
)

// goImageArg is the build argument that names the Go image of the first stage.
const goImageArg = "GO_IMAGE"

// registryTimeout is how long a registry may take to answer at all; a download that has begun may take as long as it
// likes.
const registryTimeout = 8 * time.Second

// A recipe is how the image of a service comes to be.
type recipe struct {
	build types.BuildConfig
	// standIn: the image is pulled, and build makes another in its place where that fails.
	standIn bool
	pkg     string // of a stand-in: the Go package of its program
}

// name is NAME where Dockerfile.NAME builds the image, and whether it does.
func (r recipe) name() (string, bool) {
	return strings.CutPrefix(filepath.Base(r.build.Dockerfile), "Dockerfile.")
}

// prepare builds or pulls the images of the topology.
func (d *docker) prepare(ctx context.Context, t *Topology, say Progress) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range t.imageNames() {
		if d.images[name] == "" {
			var err error
			image := name
			if r := t.images[name]; r.standIn {
				image, err = d.pullOrBuild(ctx, name, r, say)
			} else {
				err = d.make(ctx, name, r.build, "", say)
			}
			if err != nil {
				return nil, err
			}
			d.images[name] = image
		}
		found[name] = d.images[name]
	}
	return found, nil
}

// pullOrBuild returns the image where it is on the engine or can be pulled, or else the name of a stand-in. One that is
// there already is preferred to asking the registry, which may take a while not to answer; it is built again, in case
// what it is made from has changed, of which the engine's cache knows.
func (d *docker) pullOrBuild(ctx context.Context, name string, r recipe, say Progress) (string, error) {
	if _, err := d.api.ImageInspect(ctx, name); err == nil {
		return name, nil
	}
	own, _ := r.name()
	standIn := "pubsublab/" + own
	pullErr := errors.New("not tried again")
	if _, err := d.api.ImageInspect(ctx, standIn); err != nil {
		if pullErr = d.fetch(ctx, name, say); pullErr == nil || ctx.Err() != nil {
			return name, ctx.Err()
		}
	}
	err := d.make(ctx, standIn, r.build, fmt.Sprintf("stands in for %s, which cannot be pulled; ", name), say)
	if err != nil {
		return "", fmt.Errorf("the image %s can neither be pulled (%w) nor be replaced: %w", name, pullErr, err)
	}
	return standIn, nil
}

// make builds an image. The result is told with that remark before it.
func (d *docker) make(ctx context.Context, name string, build types.BuildConfig, remark string, say Progress) error {
	args := maps.Clone(build.Args)
	if wanted := args[goImageArg]; wanted != nil {
		found, err := d.goImage(ctx, *wanted, say)
		if err != nil {
			return err
		}
		args[goImageArg] = &found
	}
	what, began := "image "+name, time.Now()
	say.say(what, "")
	if err := d.build(ctx, name, build, withProxies(args), func(now string) { say.say(what, now) }); err != nil {
		return err
	}
	image, err := d.api.ImageInspect(ctx, name)
	if err != nil {
		return err
	}
	say.done(what, fmt.Sprintf("%s%s, %s", remark, humanize.Bytes(uint64(image.Size)), seconds(began)))
	return nil
}

// fetch pulls an image and tells the progress.
func (d *docker) fetch(ctx context.Context, name string, say Progress) error {
	what, began := "image "+name, time.Now()
	say.say(what, "asking the registry")
	err := d.pull(ctx, name, func(now string) { say.say(what, now) })
	if err == nil {
		say.done(what, "pulled, "+seconds(began))
	}
	return err
}

// withProxies adds the machine's proxies, as `docker build` does from its own configuration. They are build arguments
// that every Dockerfile has, and stay out of the image.
func withProxies(args types.MappingWithEquals) map[string]*string {
	all := map[string]*string{}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"} {
		if value, ok := os.LookupEnv(name); ok {
			all[name] = &value
		}
	}
	maps.Copy(all, args)
	return all
}

func (d *docker) build(ctx context.Context, name string, build types.BuildConfig, args map[string]*string, now func(string)) error {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return fmt.Errorf("image %s: %w", name, err)
	}
	tagged, _ := reference.TagNameOnly(ref).(reference.Tagged)
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return err
	}
	defer provider.Close()
	log := &buildLog{now: now}
	output := &lineWriter{line: log.line}
	_, err = provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		Context:        build.Context,
		Dockerfile:     build.Dockerfile,
		Repo:           reference.FamiliarName(ref),
		Tag:            tagged.Tag(),
		BuildArgs:      args,
		BuildLogWriter: output,
		KeepImage:      true,
	}})
	output.end()
	if err != nil {
		return fmt.Errorf("building image %s failed: %w%s", name, err, log.end())
	}
	return nil
}

// A buildLog makes progress and, for errors, the end of the last step out of what a build prints.
type buildLog struct {
	now  func(string)
	tail []string
}

var (
	buildStep = regexp.MustCompile(`^Step (\d+/\d+) : (\S+)`)
	colours   = regexp.MustCompile("\x1b\\[[0-9;]*m")
)

func (b *buildLog) line(text string) {
	text = strings.TrimSpace(colours.ReplaceAllString(text, ""))
	module, downloading := strings.CutPrefix(text, "go: downloading ")
	step := buildStep.FindStringSubmatch(text)
	switch {
	case step != nil:
		b.say("step " + step[1] + " " + step[2])
		b.tail = b.tail[:0] // what went well is of no interest
	case downloading:
		b.say("downloading " + module)
		return
	case text == "" || strings.HasPrefix(text, "---> ") || strings.HasPrefix(text, "Removing intermediate container"):
		return
	}
	b.tail = append(b.tail, text)
	if len(b.tail) > 2*tailLines {
		b.tail = b.tail[1:]
	}
}

func (b *buildLog) say(now string) {
	if b.now != nil {
		b.now(now)
	}
}

func (b *buildLog) end() string {
	if len(b.tail) == 0 {
		return ""
	}
	return "\nthe last lines of the build:\n  " + strings.Join(b.tail, "\n  ")
}

// pull fetches an image, giving up soon where no registry answers.
func (d *docker) pull(ctx context.Context, name string, now func(string)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	patience := time.AfterFunc(registryTimeout, func() { cancel(errors.New("the registry does not answer")) })
	defer patience.Stop()
	response, err := d.api.ImagePull(ctx, name, client.ImagePullOptions{})
	if err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	defer response.Close()
	for message, err := range response.JSONMessages(ctx) {
		patience.Stop()
		switch {
		case err != nil:
			return err
		case message.Error != nil:
			return message.Error
		case message.Status != "" && message.ID != "":
			now(strings.ToLower(message.Status))
		}
	}
	return ctx.Err()
}

func seconds(since time.Time) string { return fmt.Sprintf("%.1f s", time.Since(since).Seconds()) }
