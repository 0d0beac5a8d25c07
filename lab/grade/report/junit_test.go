package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A dialect of JUnit's XML is the rules of a published schema, by the element.
type dialect map[string]rule

type rule struct {
	required, optional string // attributes
	children           string // a regular expression over "child;child;"
	text               bool   // may hold text
}

// dialects are the two schemas that tools go by.
var dialects = map[string]dialect{
	// JUnit.xsd of https://github.com/windyroad/JUnit-Schema
	"ant": {
		"testsuites": {children: `^(testsuite;)*$`},
		"testsuite": {
			required: "package id name timestamp hostname tests failures errors time", optional: "skipped",
			children: `^properties;(testcase;)*system-out;system-err;$`,
		},
		"properties": {children: `^(property;)*$`},
		"property":   {required: "name value", children: `^$`},
		"testcase":   {required: "name classname time", children: `^((skipped|error|failure);)?$`},
		"skipped":    {optional: "message", children: `^$`, text: true},
		"error":      {required: "type", optional: "message", children: `^$`, text: true},
		"failure":    {required: "type", optional: "message", children: `^$`, text: true},
		"system-out": {children: `^$`, text: true},
		"system-err": {children: `^$`, text: true},
	},
	// junit-10.xsd of https://github.com/jenkinsci/xunit-plugin
	"jenkins": {
		"testsuites": {optional: "name time tests failures errors", children: `^(testsuite;)*$`},
		"testsuite": {
			required: "name tests failures errors", optional: "group time skipped timestamp hostname id package file log url",
			children: `^((testsuite|properties|testcase|system-out|system-err);)*$`,
		},
		"properties": {children: `^(property;)*$`},
		"property":   {required: "name value", children: `^$`},
		"testcase":   {required: "name", optional: "time classname group", children: `^((skipped|error|failure|system-out|system-err);)*$`},
		"skipped":    {optional: "type message", children: `^$`, text: true},
		"error":      {optional: "type message", children: `^$`, text: true},
		"failure":    {optional: "type message", children: `^$`, text: true},
		"system-out": {children: `^$`, text: true},
		"system-err": {children: `^$`, text: true},
	},
}

// values are the types of attributes in both schemas, where they are not just a text.
var values = map[string]*regexp.Regexp{
	"id":        regexp.MustCompile(`^\d+$`),
	"tests":     regexp.MustCompile(`^\d+$`),
	"failures":  regexp.MustCompile(`^\d+$`),
	"errors":    regexp.MustCompile(`^\d+$`),
	"skipped":   regexp.MustCompile(`^\d+$`),
	"time":      regexp.MustCompile(`^\d{1,3}(\.\d*)?$`),
	"timestamp": regexp.MustCompile(`^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}$`), // without a zone
	"hostname":  regexp.MustCompile(`.`),
}

// element is an element of any document.
type element struct {
	XMLName  xml.Name
	Attrs    []xml.Attr `xml:",any,attr"`
	Children []element  `xml:",any"`
	Text     string     `xml:",chardata"`
}

// faults lists what of an element a dialect does not allow.
func (d dialect) faults(e element) []string {
	name := e.XMLName.Local
	rule, known := d[name]
	if !known {
		return []string{"unknown element " + name}
	}
	var faults []string
	required, optional := strings.Fields(rule.required), strings.Fields(rule.optional)
	for _, a := range e.Attrs {
		required = slices.DeleteFunc(required, func(r string) bool {
			if r == a.Name.Local {
				optional = append(optional, r)
			}
			return r == a.Name.Local
		})
		if !slices.Contains(optional, a.Name.Local) {
			faults = append(faults, fmt.Sprintf("%s has an attribute %s", name, a.Name.Local))
		}
		if form := values[a.Name.Local]; form != nil && !form.MatchString(a.Value) {
			faults = append(faults, fmt.Sprintf("%s has %s=%q", name, a.Name.Local, a.Value))
		}
	}
	for _, r := range required {
		faults = append(faults, fmt.Sprintf("%s has no attribute %s", name, r))
	}
	children := ""
	for _, child := range e.Children {
		children += child.XMLName.Local + ";"
		faults = append(faults, d.faults(child)...)
	}
	if !regexp.MustCompile(rule.children).MatchString(children) {
		faults = append(faults, name+" holds "+children)
	}
	if !rule.text && strings.TrimSpace(e.Text) != "" {
		faults = append(faults, name+" holds text")
	}
	return faults
}

func TestJUnit(t *testing.T) {
	for name, r := range results() {
		content, err := junit(r)
		require.NoError(t, err)
		var root element
		require.NoError(t, xml.Unmarshal(content, &root), name)
		require.Equal(t, "testsuites", root.XMLName.Local)
		for of, d := range dialects {
			assert.Empty(t, d.faults(root), "junit.xml of the result %q, by the rules of %s", name, of)
		}
	}
}

// The rules themselves have to find something.
func TestJUnitRules(t *testing.T) {
	for document, want := range map[string][]string{
		`<testsuites><testcase name="a" classname="b" time="1"/></testsuites>`: {"testsuites holds testcase;"},
		`<testcase name="a" classname="b" time="1,5"><failure type="c"/><skipped/></testcase>`: {
			`testcase has time="1,5"`, "testcase holds failure;skipped;",
		},
		`<property name="a" colour="b">text</property>`: {
			"property has an attribute colour", "property has no attribute value", "property holds text",
		},
		`<pass/>`: {"unknown element pass"},
	} {
		var e element
		require.NoError(t, xml.Unmarshal([]byte(document), &e))
		assert.Equal(t, want, dialects["ant"].faults(e), document)
	}
}

func TestJUnitCounts(t *testing.T) {
	content, err := junit(example())
	require.NoError(t, err)
	counted := map[string]int{}
	declared := map[string]int{}
	decoder := xml.NewDecoder(bytes.NewReader(content))
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		counted[start.Name.Local]++
		if start.Name.Local == "testsuite" {
			for _, a := range start.Attr {
				n, _ := strconv.Atoi(a.Value)
				declared[a.Name.Local] += n
			}
		}
	}
	assert.Equal(t, []int{12, 4, 4}, []int{counted["testcase"], counted["failure"], counted["skipped"]})
	assert.Equal(t, []int{12, 4, 4}, []int{declared["tests"], declared["failures"], declared["skipped"]})
}
