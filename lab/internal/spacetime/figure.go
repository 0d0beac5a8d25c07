// Package spacetime draws who sent what to whom, and when: space-time diagrams for pages that need no
// other file and no network. It is told steps, and connects to nothing.
package spacetime

import (
	_ "embed"
	"html/template"
)

//go:embed base.css
var style string

//go:embed figure.css
var figureStyle string

//go:embed figure.html
var figures string

// Style is the look of a page, in light and dark.
var Style = template.CSS(style)

// Figures adds the template "figure" to a page's, which shows a slice of steps as a diagram and in
// words below it, with what it needs: the function figureStyle for the page's CSS among them.
func Figures(t *template.Template) *template.Template {
	t.Funcs(template.FuncMap{
		"at":          At,
		"sentence":    Sentence,
		"diagram":     newDiagram,
		"add":         func(a, b int) int { return a + b },
		"figureStyle": func() template.CSS { return template.CSS(figureStyle) },
	})
	template.Must(t.New("figures").Parse(figures))
	return t
}
