package submission

import (
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
)

// recipe is a way to build a program, and to start what comes of it, in the folder of its unit.
type recipe struct {
	build []string // commands
	run   []string // words
}

// built is the folder in which what is built is put.
const built = ".built"

// plain matches words that need no quotes in a command.
var plain = regexp.MustCompile(`^[\w@%+=:,./{}~-]+$`)

// join makes a command of words.
func join(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		if !plain.MatchString(word) {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

// command is the first of some programs that this machine has, or else the first.
func command(names ...string) string {
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			return name
		}
	}
	return names[0]
}

// recipes are the ways to build and start a program from a folder above it.
func (t *tree) recipes(p program, dir string) []recipe {
	source := within(p.source, dir)
	switch p.language {
	case "Python":
		return t.python(p, dir)
	case "Java":
		return t.java(p, dir)
	case "C", "C++":
		return t.c(p, dir)
	case "Go":
		return t.golang(p, dir)
	case "Rust":
		return t.rust(p, dir)
	case "Node":
		return t.node(p, dir)
	}
	return []recipe{{run: []string{"./" + source}}}
}

// python2 matches what Python 3 does not take.
var python2 = regexp.MustCompile(`(?m)^\s*print\s+["'\w]|\braw_input\s*\(|^\s*except\s+[\w.]+\s*,\s*\w+\s*:`)

func (t *tree) python(p program, dir string) []recipe {
	source := within(p.source, dir)
	run := []string{command("python3", "python"), source}
	if strings.HasPrefix(source, "-") {
		run[1] = "./" + source
	}
	if python2.MatchString(p.text) {
		t.note("%s is written for Python 2, which ended in 2020; Python 3 does not take it.", p.source)
		if exec.Command("python2", "--version").Run() == nil {
			run[0] = "python2"
		}
	}
	recipes := []recipe{{run: run}}
	if list := t.above(p, dir, "requirements.txt"); list != "" && lacks(run[0], t.foreignImports()) {
		recipes = append([]recipe{{
			build: []string{
				join(run[0], "-m", "venv", "--system-site-packages", built+"/venv"),
				join(built+"/venv/bin/python", "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", "--retries", "0", "-r", list),
			},
			run: []string{built + "/venv/bin/python", run[1]},
		}}, recipes...)
	}
	if regexp.MustCompile(`(?m)^\s*from\s+\.`).MatchString(p.text) { // a module of a package
		top := path.Dir(source)
		module := strings.ReplaceAll(strings.TrimSuffix(source, ".py"), "/", ".")
		if top != "." {
			recipes = append([]recipe{{run: []string{run[0], "-m", module}}}, recipes...)
		}
	}
	return recipes
}

// above is the path of a file in the folder of a program, or in one above it; empty where there is none.
func (t *tree) above(p program, dir, name string) string {
	for folder := path.Dir(p.source); below(folder, dir); folder = path.Dir(folder) {
		if _, ok := t.texts[path.Join(folder, name)]; ok {
			return within(path.Join(folder, name), dir)
		}
		if folder == "." {
			break
		}
	}
	return ""
}

// foreignImports are the Python modules that the submission takes in and does not bring along.
func (t *tree) foreignImports() []string {
	own, all := map[string]bool{}, map[string]bool{}
	scripts := t.paths(func(name string) bool { return LanguageOf(name) == "Python" })
	for _, name := range scripts {
		for element := range strings.SplitSeq(strings.TrimSuffix(name, ".py"), "/") {
			own[element] = true
		}
	}
	for _, name := range scripts {
		for _, found := range imports.FindAllStringSubmatch(t.texts[name], -1) {
			if module, _, _ := strings.Cut(found[1]+found[2], "."); module != "" && !own[module] {
				all[module] = true
			}
		}
	}
	return sorted(all)
}

// lacks reports whether this machine's Python lacks one of some modules.
func lacks(python string, modules []string) bool {
	const find = "import sys, importlib.util as u; sys.exit(any(u.find_spec(m) is None for m in sys.argv[1:]))"
	return exec.Command(python, append([]string{"-I", "-c", find}, modules...)...).Run() != nil
}

var (
	javaPackage = regexp.MustCompile(`(?m)^\s*package\s+([\w.]+)\s*;`)
	javaTokens  = regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|[{}]|\b(?:class|enum|record|interface)\s+(\w+)|static\s+(?:final\s+)?void\s+main\s*\(`)
)

// mainClass is the name, with its package, of the class that has the main method.
func mainClass(text string) string {
	name, depth, found := "", 0, ""
	for _, token := range javaTokens.FindAllStringSubmatch(text, -1) {
		switch {
		case token[0] == "{":
			depth++
		case token[0] == "}":
			depth--
		case token[1] != "" && depth == 0:
			name = token[1]
		case strings.Contains(token[0], "main") && depth == 1 && found == "":
			found = name
		}
	}
	if found == "" {
		found = name
	}
	if pkg := javaPackage.FindStringSubmatch(text); pkg != nil {
		return pkg[1] + "." + found
	}
	return found
}

// sourceRoot is the folder in which the packages begin.
func (t *tree) sourceRoot(p program) string {
	root := path.Dir(p.source)
	pkg := javaPackage.FindStringSubmatch(p.text)
	if pkg == nil {
		return root
	}
	folders := strings.ReplaceAll(pkg[1], ".", "/")
	if root == folders {
		return "."
	}
	return strings.TrimSuffix(root, "/"+folders)
}

func (t *tree) java(p program, dir string) []recipe {
	root := t.sourceRoot(p)
	if !below(root, dir) {
		root = dir
	}
	out := built + "/" + p.name
	classpath := []string{out}
	for _, jar := range t.jars {
		if below(jar, dir) {
			classpath = append(classpath, within(jar, dir))
		}
	}
	encoding := "UTF-8"
	if strings.ToValidUTF8(p.text, "") != p.text {
		encoding = "ISO-8859-1"
	}
	compile := []string{"javac", "-encoding", encoding, "-nowarn", "-cp", strings.Join(classpath, ":"), "-d", out}
	run := []string{"java", "-cp", strings.Join(classpath, ":"), p.class}
	var all []string
	for _, other := range t.paths(func(name string) bool { return LanguageOf(name) == "Java" && below(name, root) }) {
		if !strings.Contains(other, "/test/") {
			all = append(all, within(other, dir))
		}
	}
	recipes := []recipe{
		{build: []string{join(append(compile, "-sourcepath", within(root, dir), within(p.source, dir))...)}, run: run},
		{build: []string{join(append(slices.Clone(compile), all...)...)}, run: run},
	}
	if pom := t.above(p, dir, "pom.xml"); pom != "" && strings.Contains(t.texts[path.Join(dir, pom)], "<dependency>") {
		libraries := recipe{build: []string{join("mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory="+built+"/lib")}}
		with := strings.NewReplacer("-cp "+strings.Join(classpath, ":"), "-cp '"+strings.Join(classpath, ":")+":"+path.Join(path.Dir(pom), built, "lib", "*")+"'")
		libraries.build = append(libraries.build, with.Replace(recipes[1].build[0]))
		libraries.run = []string{"java", "-cp", strings.Join(classpath, ":") + ":" + path.Join(path.Dir(pom), built, "lib", "*"), p.class}
		recipes = append(recipes, libraries)
	}
	return append(recipes, recipe{run: []string{"java", within(p.source, dir)}}) // takes a class of another name than its file's
}

func (t *tree) c(p program, dir string) []recipe {
	source, folder := within(p.source, dir), path.Dir(p.source)
	compiler, standard := command("gcc", "cc"), "-w"
	if p.language == "C++" {
		compiler, standard = command("g++", "c++"), "-std=c++17"
	}
	out := built + "/" + p.name
	compile := []string{compiler, standard, "-pthread"}
	var others []string
	headers := map[string]bool{folder: true}
	for _, name := range t.paths(func(name string) bool { return below(name, dir) }) {
		switch language := LanguageOf(name); {
		case (language == "C" || language == "C++") && (language == p.language || p.language == "C++") && !hasMain(language, withoutComments(language, t.texts[name])):
			others = append(others, within(name, dir))
		case strings.HasPrefix(path.Ext(name), ".h"):
			headers[path.Dir(name)] = true
		}
	}
	for _, include := range sorted(headers) {
		compile = append(compile, "-I", within(include, dir))
	}
	alone := recipe{build: []string{"mkdir -p " + built, join(append(slices.Clone(compile), "-o", out, source, "-lm")...)}, run: []string{"./" + out}}
	with := recipe{build: []string{"mkdir -p " + built, join(append(append(append(slices.Clone(compile), "-o", out, source), others...), "-lm")...)}, run: alone.run}
	recipes := []recipe{with, alone}
	if len(others) == 0 {
		recipes = recipes[1:]
	}
	return append(t.make(p, dir), recipes...)
}

// make are recipes by a Makefile or by CMake, in the folder of the program or above it.
func (t *tree) make(p program, dir string) []recipe {
	var recipes []recipe
	for folder := path.Dir(p.source); below(folder, dir); folder = path.Dir(folder) {
		for _, name := range []string{"Makefile", "makefile", "GNUmakefile"} {
			text, ok := t.texts[path.Join(folder, name)]
			if !ok {
				continue
			}
			at := within(folder, dir)
			for _, target := range targets(text, p) {
				recipes = append(recipes, recipe{build: []string{join("make", "-s", "-C", at)}, run: []string{"./" + path.Join(at, target)}})
			}
		}
		if text, ok := t.texts[path.Join(folder, "CMakeLists.txt")]; ok {
			at, out := within(folder, dir), built+"/cmake"
			executable := regexp.MustCompile(`(?i)add_executable\s*\(\s*([\w-]+)[^)]*\b` + regexp.QuoteMeta(path.Base(p.source)))
			if found := executable.FindStringSubmatch(text); found != nil {
				recipes = append(recipes, recipe{build: []string{join("cmake", "-S", at, "-B", out), join("cmake", "--build", out)}, run: []string{"./" + out + "/" + found[1]}})
			}
		}
		if folder == "." || folder == dir {
			break
		}
	}
	return recipes
}

// targets are the files that a Makefile may make of a program's source, the likeliest first.
func targets(makefile string, p program) []string {
	names := []string{}
	base := regexp.QuoteMeta(strings.TrimSuffix(path.Base(p.source), path.Ext(p.source)))
	output := regexp.MustCompile(`(?m)^.*\b` + base + `\.(?:c|cc|cpp|cxx|o)\b.*-o\s+(\S+)|-o\s+(\S+)[^\n]*\b` + base + `\.(?:c|cc|cpp|cxx|o)\b`)
	for _, found := range output.FindAllStringSubmatch(makefile, -1) {
		names = append(names, found[1]+found[2])
	}
	if rule := regexp.MustCompile(`(?m)^([\w./-]+)\s*:[^=\n]*\b` + base + `\.(?:c|cc|cpp|cxx|o)\b`).FindStringSubmatch(makefile); rule != nil {
		names = append(names, rule[1])
	}
	names = append(names, strings.TrimSuffix(path.Base(p.source), path.Ext(p.source)), "bin/"+p.name, "build/"+p.name)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.ContainsAny(name, "$%@") || strings.HasSuffix(name, ".o") })
	return slices.Compact(names)
}

func (t *tree) golang(p program, dir string) []recipe {
	folder := path.Dir(p.source)
	out := built + "/" + p.name
	var others []string // of the same folder, without a main function of their own
	mains := 0
	for _, name := range t.paths(func(name string) bool { return path.Dir(name) == folder && LanguageOf(name) == "Go" }) {
		switch {
		case strings.HasSuffix(name, "_test.go"):
		case hasMain("Go", withoutComments("Go", t.texts[name])):
			mains++
		default:
			others = append(others, within(name, folder))
		}
	}
	at, back := within(folder, dir), ""
	if at != "." {
		back = strings.Repeat("../", strings.Count(at, "/")+1)
	}
	build := func(what ...string) recipe {
		return recipe{build: []string{join(append([]string{"go", "build", "-C", at, "-buildvcs=false", "-o", back + out}, what...)...)}, run: []string{"./" + out}}
	}
	files := append([]string{path.Base(p.source)}, others...)
	recipes := []recipe{build(files...), build(path.Base(p.source))}
	if mains == 1 {
		recipes, files = []recipe{build("."), build(files...)}, []string{"."}
	}
	if mod := t.above(p, dir, "go.mod"); mod != "" && strings.Contains(t.texts[path.Join(dir, mod)], "require") {
		recipes = append(recipes, build(append([]string{"-mod=mod"}, files...)...)) // go.sum was not handed in
	}
	return recipes
}

func (t *tree) rust(p program, dir string) []recipe {
	for folder := path.Dir(p.source); below(folder, dir); folder = path.Dir(folder) {
		if text, ok := t.texts[path.Join(folder, "Cargo.toml")]; ok {
			at := within(folder, dir)
			name := strings.TrimSuffix(path.Base(p.source), ".rs")
			if name == "main" {
				name = path.Base(path.Dir(p.source))
				if found := regexp.MustCompile(`(?m)^\s*name\s*=\s*"([^"]+)"`).FindStringSubmatch(text); found != nil {
					name = found[1]
				}
			}
			bin := regexp.MustCompile(`(?s)\[\[bin\]\][^\[]*?name\s*=\s*"([^"]+)"[^\[]*?path\s*=\s*"` + regexp.QuoteMeta(within(p.source, folder)) + `"`)
			if found := bin.FindStringSubmatch(text); found != nil {
				name = found[1]
			}
			target := built + "/cargo"
			return []recipe{{build: []string{join("cargo", "build", "--quiet", "--manifest-path", path.Join(at, "Cargo.toml"), "--target-dir", target)}, run: []string{"./" + target + "/debug/" + name}}}
		}
		if folder == "." {
			break
		}
	}
	out := built + "/" + p.name
	return []recipe{{build: []string{"mkdir -p " + built, join("rustc", "--edition", "2021", "-A", "warnings", "-o", out, within(p.source, dir))}, run: []string{"./" + out}}}
}

func (t *tree) node(p program, dir string) []recipe {
	run := []string{"node", within(p.source, dir)}
	for folder := path.Dir(p.source); below(folder, dir); folder = path.Dir(folder) {
		text, ok := t.texts[path.Join(folder, "package.json")]
		if ok && regexp.MustCompile(`"dependencies"\s*:\s*\{\s*"`).MatchString(text) && !t.links[folder] {
			if _, locked := t.texts[path.Join(folder, "package-lock.json")]; locked {
				install := join("npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--fetch-retries=0", "--prefix", within(folder, dir))
				return []recipe{{build: []string{install}, run: run}, {run: run}}
			}
		}
		if folder == "." {
			break
		}
	}
	return []recipe{{run: run}}
}

func sorted(set map[string]bool) []string {
	var all []string
	for name := range set {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// firstError is the line of a compiler's output that says what is wrong, or its last one.
func firstError(output string) string {
	var last string
	for line := range strings.Lines(output) {
		line = strings.TrimSpace(line)
		if regexp.MustCompile(`(?i)\berror\b|fatal|cannot find|not found|no such|undefined|undeclared|ERR!`).MatchString(line) {
			return line
		}
		if line != "" {
			last = line
		}
	}
	if last == "" {
		return "it printed nothing"
	}
	return last
}
