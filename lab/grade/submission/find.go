package submission

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"pubsublab/lab/grade/harness/runner"
)

// finder looks at one submission. It is for one goroutine.
type finder struct {
	tree    *tree
	options Options
	spent   time.Duration   // on trials
	steps   map[string]step // of builds, by folder and command
	trials  []string
	moved   map[string]string // by source: a note on an address of another machine in it
	idle    *idle             // nil: there is none

	together bool // programs need the machine's network
}

// commands are how programs are started, in the copy.
func (f *finder) commands(s Settings) runner.Commands {
	c := s.Commands(f.tree.root)
	c.Cage = f.options.Cage
	return c
}

// apart starts programs in a network of its own, where that can be had: there a port that a source fixes is
// free, whoever else is looked at just now.
func (f *finder) apart(s Settings) (*runner.Processes, error) {
	run, err := f.commands(s).Runner()
	if err != nil || f.together {
		return run, err
	}
	if apart, err := run.Apart(); err == nil {
		return apart.(*runner.Processes), nil
	}
	return run, nil
}

func (f *finder) tried(format string, args ...any) {
	f.trials = append(f.trials, fmt.Sprintf(format, args...))
}

// left reports whether there is time for another trial.
func (f *finder) left(ctx context.Context) bool {
	return ctx.Err() == nil && f.spent < f.options.Limit
}

// found is a unit that was built, and how it is started as far as that is known.
type found struct {
	unit     unit
	settings Settings
	level    level
	sure     bool // the command says who is what, and nothing of it was guessed
	asks     asks
	why      string // it cannot be started
	output   string
	notes    []string
}

// search tries the units, the furthest first, and settles on the first of which a message arrives,
// or else on the one that came closest to that.
func (f *finder) search(ctx context.Context, s *Submission) {
	units := f.tree.units()
	if len(units) == 0 {
		s.Why = f.nothing()
		return
	}
	if f.options.Task > 0 {
		units = forTask(units, f.options.Task)
	}
	const most = 3 // units that are tried
	var best *found
	for _, u := range units[:min(len(units), most)] {
		if best != nil && !f.left(ctx) {
			break
		}
		if one := f.try(ctx, u); best == nil || one.level > best.level {
			best = one
		}
		if best.level >= best.unit.goal() {
			break
		}
	}
	if best.level >= delivered {
		f.second(ctx, best)
	}
	s.Settings, s.Why, s.Output, s.Where, s.Task = best.settings, best.why, best.output, best.unit.dir, best.unit.task
	s.Notes, s.Doubt = best.notes, best.doubt()
	if s.Task == 0 && best.level > listening && best.unit.progress() == topicsStep && (best.asks.topic || s.tellsTopic()) {
		s.Task = topicsStep
		s.Notes = append(s.Notes, "Its clients are told a topic, so it is step 3, although nothing in it says so.")
	}
	if len(units) > 1 {
		s.Notes = append(s.Notes, f.choice(units, best.unit))
	}
}

// topicsStep is the step of the course that is about topics.
const topicsStep = 3

// tellsTopic reports whether clients are told a topic on their command line, or by what is typed.
func (s Settings) tellsTopic() bool {
	return slices.ContainsFunc(append(s.Types, s.Client, s.Publisher, s.Subscriber, s.SubscribeLine, s.PublishLine), func(line string) bool {
		return strings.Contains(line, "{topic}")
	})
}

// doubt says why it is not certain that clients are in the roles that they should be in; empty where it
// is, or where a message arrived.
func (one *found) doubt() string {
	if one.why != "" || one.level >= one.unit.goal() || one.level < connected || one.sure {
		return ""
	}
	return "It was not found out for certain how its clients are told who is a publisher and who a subscriber."
}

// choice says which of several solutions was taken, and why.
func (f *finder) choice(units []unit, taken unit) string {
	var others []string
	for _, u := range units {
		if u.home != taken.home || u.server.source != taken.server.source {
			others = append(others, u.String())
		}
	}
	why := "it goes furthest"
	switch first := units[0]; {
	case f.options.Task > 0:
		why = fmt.Sprintf("task %d was asked for", f.options.Task)
	case first.home != taken.home || first.server.source != taken.server.source:
		why = "of " + first.String() + " no message arrived"
	}
	return fmt.Sprintf("There are several solutions; this one is in %s, because %s. The others: %s (--task N picks one).", taken, why, strings.Join(others, ", "))
}

func (u unit) String() string {
	if u.suffix >= 0 || u.shares {
		return u.server.source
	}
	if u.home == "." {
		return "the top folder"
	}
	return u.home
}

// nothing says why there is no server.
func (f *finder) nothing() string {
	sources := f.tree.paths(func(name string) bool { return LanguageOf(name) != "" })
	if len(sources) == 0 {
		for _, name := range f.tree.paths(func(string) bool { return true }) {
			if language := otherLanguages[strings.ToLower(path.Ext(name))]; language != "" {
				return fmt.Sprintf("It is written in %s (%s), which the grader does not build: give the commands (--server-cmd, --client-cmd) where it is built.", language, name)
			}
		}
		return "There are no sources in Python, Java, C, C++, Go, Rust or Node in this folder."
	}
	if programs := f.tree.programs(); len(programs) > 0 {
		return fmt.Sprintf("No program looks like a server: none of %s listens on a socket, nor is it called one.", some(names(programs)))
	}
	return fmt.Sprintf("None of the sources has a main function: %s.", some(sources))
}

func names(programs []program) (all []string) {
	for _, p := range programs {
		all = append(all, p.source)
	}
	return all
}

// otherLanguages are those that the grader knows only by the extensions of their sources.
var otherLanguages = map[string]string{
	".cs": "C#", ".kt": "Kotlin", ".scala": "Scala", ".php": "PHP", ".rb": "Ruby", ".swift": "Swift", ".ts": "TypeScript", ".ipynb": "a notebook",
	".vb": "Visual Basic", ".ex": "Elixir", ".exs": "Elixir", ".erl": "Erlang", ".hs": "Haskell", ".pl": "Perl", ".lua": "Lua", ".dart": "Dart",
}

// some are the first of many, for a sentence.
func some(all []string) string {
	const most = 6
	if len(all) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
	}
	return strings.Join(all, ", ")
}

// texts are what tells people of a unit: the READMEs in its folder, below and above it, and the examples
// in its sources.
func (f *finder) texts(u unit) map[string]string {
	guides := map[string]string{}
	for _, name := range f.tree.paths(guide) {
		if folder := path.Dir(name); below(folder, u.dir) || below(u.dir, folder) {
			guides[name] = f.tree.texts[name]
		}
	}
	for _, p := range append(u.programs(), &u.server) {
		if lines := examples(f.tree.texts[p.source]); lines != "" {
			guides[p.source] = lines
		}
	}
	return guides
}

// examples are the lines of a source that show how programs are started, as comments at its top do.
func examples(text string) string {
	var all []string
	for _, found := range anExampleLine.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	return strings.Join(all, "\n")
}

// anExampleLine matches such a line, with what it is for before it: "  primary: python3 server.py 5000", up to
// what is said of it in brackets behind it.
var anExampleLine = regexp.MustCompile(`(?m)^[\s/*#$>-]*(?:[\pL ]{1,30}:\s+)?((?:python3?|java|node|go run|cargo run|\./\w)[^\n("';]*)`)

// guide reports whether a file is for people, or shows how programs are started.
func guide(name string) bool {
	switch strings.ToLower(path.Ext(name)) {
	case ".md", ".txt", ".rst", ".sh":
		return path.Base(name) != "requirements.txt" && path.Base(name) != "CMakeLists.txt"
	}
	return strings.HasPrefix(strings.ToLower(path.Base(name)), "readme")
}

// step is what became of one command of a build.
type step struct {
	exit   runner.Exit
	output string
	err    error
}

// buildLimit bounds one command of a build.
const buildLimit = 3 * time.Minute

// build runs one command in a folder of the copy, as a program of the submission.
func (f *finder) build(ctx context.Context, dir, command string) step {
	key := dir + "\x00" + command
	if done, ok := f.steps[key]; ok {
		return done
	}
	f.options.Progress("building: " + command)
	s := step{}
	defer func() { f.steps[key] = s }()
	run, err := f.commands(Settings{Dir: dir, Server: command, Port: 1}).Runner()
	if err != nil {
		s.err = err
		return s
	}
	program, err := run.Server(ctx, 1)
	if err != nil {
		s.err = err
		return s
	}
	limited, cancel := context.WithTimeout(ctx, buildLimit)
	defer cancel()
	select {
	case <-program.Done():
		s.exit = program.Exit()
	case <-limited.Done():
		program.Kill()
		s.err = fmt.Errorf("it takes longer than %v", buildLimit)
	}
	s.output = colours.ReplaceAllString(string(program.Output.Bytes()), "")
	return s
}

// colours matches what compilers write for terminals alone.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")

// prepare builds a program in one of the ways there are, and returns the one that worked.
func (f *finder) prepare(ctx context.Context, u unit, p program) (recipe, string, string) {
	var why, output string
	for _, r := range f.tree.recipes(p, u.dir) {
		if len(r.build) == 0 && why != "" && p.language == "Java" && !strings.Contains(output, "should be declared in a file named") {
			break // it would not compile that way either
		}
		wrong, said := f.follow(ctx, u.dir, r.build)
		if wrong == "" {
			if wrong = f.made(u.dir, p, &r); wrong == "" {
				return r, "", ""
			}
		}
		f.tried("%s: %s", p.source, wrong)
		if why == "" || strings.Contains(why, "is not there") {
			why, output = wrong, said
		}
	}
	return recipe{}, why, output
}

// made looks for what a build made, where a Makefile puts it elsewhere than its text tells, and says what
// is wrong where it is nowhere.
func (f *finder) made(dir string, p program, r *recipe) string {
	root := filepath.Join(f.tree.root, filepath.FromSlash(dir))
	binary, ok := strings.CutPrefix(r.run[0], "./")
	if !ok || len(r.build) == 0 {
		return ""
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(binary))); err == nil {
		return ""
	}
	names := []string{path.Base(binary), p.name, strings.TrimSuffix(path.Base(p.source), path.Ext(p.source))}
	found := ""
	_ = filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error { // what cannot be read is not there
		if err != nil || !entry.Type().IsRegular() || found != "" {
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Mode()&0o111 != 0 && slices.Contains(names, strings.TrimSuffix(entry.Name(), ".out")) {
			found, _ = filepath.Rel(root, name)
		}
		return nil
	})
	if found == "" {
		return fmt.Sprintf("The build made no %s: %s.", binary, r.build[len(r.build)-1])
	}
	r.run = append([]string{"./" + filepath.ToSlash(found)}, r.run[1:]...)
	return ""
}

// follow runs the commands of a build up to the first that fails, and says why it did.
func (f *finder) follow(ctx context.Context, dir string, build []string) (why, output string) {
	for _, command := range build {
		switch s := f.build(ctx, dir, command); {
		case s.err != nil && strings.Contains(s.err.Error(), "executable file not found"):
			return fmt.Sprintf("It cannot be built here: %s is not there (%s).", strings.Fields(command)[0], command), ""
		case s.err != nil:
			return fmt.Sprintf("The build failed: %s: %v.", command, s.err), s.output
		case s.exit != runner.Exit{}:
			why := fmt.Sprintf("The build failed: %s ended %v: %s", command, s.exit, sentence(firstError(s.output)))
			if lacking := missing(s.output); lacking != "" {
				why = lacking + " " + why
			}
			if found := windows.FindString(s.output); found != "" {
				why = fmt.Sprintf("It is written for Windows (%s), and cannot be built here. %s", found, why)
			}
			return why, s.output
		}
	}
	return "", ""
}

// windows matches what only Windows has.
var windows = regexp.MustCompile(`winsock2?\.h|ws2tcpip\.h|windows\.h|conio\.h|process\.h`)

// buildAll builds what a file of settings says.
func (f *finder) buildAll(ctx context.Context, s Settings) (why, output string) {
	return f.follow(ctx, path.Clean(s.Dir), s.Build)
}

func sentence(s string) string {
	if s = strings.TrimSpace(s); s != "" && !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}

// portsIn are the numbers in a source that look like ports, the likeliest first.
func portsIn(text string) []int {
	var likely, others []int
	for line := range strings.Lines(text) {
		for _, found := range aPort.FindAllString(line, -1) {
			n := 0
			if _, err := fmt.Sscan(found, &n); err != nil || n < 1024 || n > 65535 || slices.Contains([]int{1024, 2048, 4096, 8192, 65535}, n) {
				continue
			}
			if kindOf(line) == "{port}" {
				likely = append(likely, n)
			} else if connects.MatchString(line) || listens.MatchString(line) {
				others = append(others, n)
			}
		}
	}
	return slices.Compact(append(likely, others...))
}
