package topology

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
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

// prepare builds the images of the topology.
func (d *docker) prepare(ctx context.Context, t *Topology, say Progress) error {
	for _, name := range t.imageNames() {
		if d.built[name] {
			continue
		}
		what, began := "image "+name, time.Now()
		build := t.images[name]
		args := maps.Clone(build.Args)
		if wanted := args[goImageArg]; wanted != nil {
			found, err := d.goImage(ctx, *wanted, say)
			if err != nil {
				return err
			}
			args[goImageArg] = &found
		}
		say.say(what, "")
		if err := d.build(ctx, name, build, withProxies(args), func(now string) { say.say(what, now) }); err != nil {
			return err
		}
		image, err := d.api.ImageInspect(ctx, name)
		if err != nil {
			return err
		}
		d.built[name] = true
		say.done(what, fmt.Sprintf("%s, %s", humanize.Bytes(uint64(image.Size)), seconds(began)))
	}
	return nil
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
