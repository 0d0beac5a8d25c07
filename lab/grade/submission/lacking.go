package submission

import (
	"fmt"
	"path"
	"regexp"
	"strings"
)

// missing says which package a program lacks; empty where it lacks none.
func missing(output string) string {
	for _, pattern := range []struct {
		words *regexp.Regexp
		says  string
	}{
		{regexp.MustCompile(`(?:ModuleNotFoundError|ImportError): No module named '?([\w.]+)'?`), "The Python package %s is missing on this machine; it has to be installed (pip install) before this can be graded."},
		{regexp.MustCompile(`Cannot find (?:module|package) '([^./'][^']*)'`), "The Node package %s is missing; node_modules was not handed in, and npm could not install it here."},
		{regexp.MustCompile(`java\.lang\.NoClassDefFoundError: (\S+)`), "The Java class %s is missing; its library was not handed in."},
		{regexp.MustCompile(`error: package (\S+) does not exist`), "The Java package %s is missing; its library was not handed in, and could not be fetched here."},
		{regexp.MustCompile(`(?:no required module provides package|cannot find module providing package|missing go\.sum entry for module providing package) ([^\s;:]+)|: ([^\s@:]+)@[^\s:]+: (?:Get |reading |module lookup)`), "The Go package %s is missing; it was not handed in, and could not be fetched here."},
		{regexp.MustCompile("failed to get `([^`]+)` as a dependency|no matching package named `([^`]+)`|failed to download `([^`]+)`"), "The Rust crate %s is missing; it was not handed in, and could not be fetched here."},
	} {
		if found := pattern.words.FindStringSubmatch(output); found != nil {
			return fmt.Sprintf(pattern.says, strings.Join(found[1:], ""))
		}
	}
	return ""
}

// refused says what Python has against a source, whatever its arguments; empty where it has nothing.
func refused(output string) string {
	if found := notPython.FindStringSubmatch(output); found != nil {
		return fmt.Sprintf("Python here does not take %s: %s (line %s). It is a mistake, or written for another version.", path.Base(found[1]), found[3], found[2])
	}
	return ""
}

var notPython = regexp.MustCompile(`(?m)^  File "([^"]+)", line (\d+)\s*\n(?:    .*\n){0,2}((?:Syntax|Indentation|Tab)Error: [^\r\n]*)`)
