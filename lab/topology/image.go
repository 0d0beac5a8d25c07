package topology

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/distribution/reference"
	"github.com/dustin/go-humanize"
	"github.com/moby/moby/api/types/jsonstream"
	"github.com/moby/moby/client"
	"github.com/moby/moby/client/pkg/jsonmessage"
	"github.com/testcontainers/testcontainers-go"
)

// goImageArg is the build argument that names the Go image of the first stage.
const goImageArg = "GO_IMAGE"

// registryTimeout is how long a registry may take to answer at all; a download that has begun may
// take as long as it likes.
const registryTimeout = 8 * time.Second

// A recipe is how the image of a service comes to be.
type recipe struct {
	build types.BuildConfig
	// standIn: the image is pulled, and build makes another in its place where that fails.
	standIn bool
	pkg     string // of a stand-in: the Go package of its program
}

// program returns the name of the program in the image and its Go package: of Dockerfile.NAME the
// package is ./NAME, of PATH/NAME/Dockerfile it is ./PATH/NAME, and of a stand-in what it says. Of
// any other Dockerfile nothing is known, and ok is false.
func (r recipe) program() (name, pkg string, ok bool) {
	dir, file := path.Split(path.Clean(filepath.ToSlash(r.build.Dockerfile)))
	if name, ok = strings.CutPrefix(file, "Dockerfile."); ok {
		dir = name
	} else if name, ok = path.Base(dir), file == "Dockerfile" && dir != ""; !ok {
		return "", "", false
	}
	return name, cmp.Or(r.pkg, "./"+path.Clean(dir)), true
}

// prepare builds or pulls the images of the topology, and returns their IDs. A name is no good to
// run a node by: whoever else builds on the engine may move it, with other code behind it, or with
// labels that make Compose take our containers for its own.
func (d *docker) prepare(ctx context.Context, t *Topology, say Progress) (map[string]string, error) {
	found := map[string]string{}
	for _, name := range t.imageNames() {
		if d.images[name] == "" {
			var id string
			var err error
			if r := t.images[name]; r.standIn {
				id, err = d.pullOrBuild(ctx, name, r, say)
			} else {
				id, err = d.make(ctx, name, r.build, "", say)
			}
			if err != nil {
				return nil, err
			}
			d.images[name] = id
		}
		found[name] = d.images[name]
	}
	return found, nil
}

// pullOrBuild returns the ID of the image where it is on the engine or can be pulled, or else of a
// stand-in. One that is there already is preferred to asking the registry, which may take a while
// not to answer; it is built again, in case what it is made from has changed, of which the engine's
// cache knows.
func (d *docker) pullOrBuild(ctx context.Context, name string, r recipe, say Progress) (string, error) {
	if image, err := d.api.ImageInspect(ctx, name); err == nil {
		return image.ID, nil
	}
	own, _, _ := r.program()
	standIn := "pubsublab/" + own + ":local"
	pullErr := errors.New("not tried again")
	if _, err := d.api.ImageInspect(ctx, standIn); err != nil {
		if pullErr = d.fetch(ctx, name, say); pullErr == nil {
			image, err := d.api.ImageInspect(ctx, name)
			return image.ID, err
		}
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
	}
	id, err := d.make(ctx, standIn, r.build, fmt.Sprintf("stands in for %s, which cannot be pulled; ", name), say)
	if err != nil {
		return "", fmt.Errorf("the image %s can neither be pulled (%w) nor be replaced: %w", name, pullErr, err)
	}
	return id, nil
}

// lasting returns a name of an image that nobody gives to another one, for those who cannot use
// IDs: its own where name is that, or else one of its content, in the place of an image that is
// called name.
func (d *docker) lasting(ctx context.Context, id, name string, r recipe) (string, error) {
	if image, err := d.api.ImageInspect(ctx, name); err == nil && image.ID == id {
		return name, nil
	}
	own, _, _ := r.program()
	_, hash, _ := strings.Cut(id, ":")
	tag := "pubsublab/" + own + ":" + hash[:12]
	_, err := d.api.ImageTag(ctx, client.ImageTagOptions{Source: id, Target: tag})
	return tag, err
}

// make builds an image and returns its ID. The result is told with that remark before it.
func (d *docker) make(ctx context.Context, name string, build types.BuildConfig, remark string, say Progress) (string, error) {
	args, untold := withProxies(build.Args)
	for _, what := range untold {
		if !d.told[what] {
			d.told[what] = true
			say.done(what, "not handed into builds: it is an address of this machine alone")
		}
	}
	if wanted := build.Args[goImageArg]; wanted != nil {
		found, err := d.goImage(ctx, *wanted, say)
		if err != nil {
			return "", err
		}
		args[goImageArg] = &found
	}
	what, began := "image "+name, time.Now()
	say.say(what, "")
	id, err := d.build(ctx, name, build, args, func(now string) { say.say(what, now) })
	if err != nil {
		return "", err
	}
	image, err := d.api.ImageInspect(ctx, id)
	if err != nil {
		return "", err
	}
	say.done(what, fmt.Sprintf("%s%s, %s", remark, humanize.Bytes(uint64(image.Size)), seconds(began)))
	return id, nil
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

// build builds an image, gives it that name, and returns its ID.
func (d *docker) build(ctx context.Context, name string, build types.BuildConfig, args map[string]*string, now func(string)) (string, error) {
	ref, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return "", fmt.Errorf("image %s: %w", name, err)
	}
	tagged, _ := reference.TagNameOnly(ref).(reference.Tagged)
	request := &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		Context:              build.Context,
		Dockerfile:           build.Dockerfile,
		Repo:                 reference.FamiliarName(ref),
		Tag:                  tagged.Tag(),
		BuildArgs:            args,
		KeepImage:            true, // without labels of a session, with which no two builds would be the same
		BuildOptionsModifier: func(o *client.ImageBuildOptions) { o.Target = build.Target },
	}}
	log := &buildLog{now: now}
	id, err := d.runBuild(ctx, request, log)
	if err != nil {
		return "", fmt.Errorf("building image %s failed: %w%s", name, err, log.end())
	}
	return id, nil
}

// builtLine is what an engine prints last. Docker says the ID apart too; others do not.
var builtLine = regexp.MustCompile(`^Successfully built ([0-9a-f]{12,64})$`)

// runBuild is the library's own way of building, but for the ID.
func (d *docker) runBuild(ctx context.Context, request *testcontainers.ContainerRequest, log *buildLog) (id string, err error) {
	options, err := request.BuildOptions()
	if err != nil {
		return "", err
	}
	if closer, ok := options.Context.(io.Closer); ok {
		defer closer.Close()
	}
	result, err := d.api.ImageBuild(ctx, options.Context, options)
	if err != nil {
		return "", err
	}
	defer result.Body.Close()
	output := &lineWriter{line: func(text string) {
		if built := builtLine.FindStringSubmatch(strings.TrimSpace(text)); built != nil && id == "" {
			id = built[1]
		}
		log.line(text)
	}}
	aux := func(m jsonstream.Message) {
		var said struct{ ID string }
		if json.Unmarshal(*m.Aux, &said) == nil && said.ID != "" {
			id = said.ID
		}
	}
	err = jsonmessage.DisplayStream(result.Body, output, jsonmessage.WithAuxCallback(aux))
	output.end()
	if err == nil && id == "" {
		err = errors.New("the engine does not say what it has built")
	}
	if err != nil {
		return "", err
	}
	image, err := d.api.ImageInspect(ctx, id) // the whole ID, of which some say the beginning
	return image.ID, err
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
	timeout := time.AfterFunc(registryTimeout, func() { cancel(errors.New("the registry does not answer")) })
	defer timeout.Stop()
	response, err := d.api.ImagePull(ctx, name, client.ImagePullOptions{})
	if err != nil {
		return errors.Join(context.Cause(ctx), err)
	}
	defer response.Close()
	for message, err := range response.JSONMessages(ctx) {
		timeout.Stop()
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
