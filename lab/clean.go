package main

import (
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/dustin/go-humanize"

	"pubsublab/lab/topology"
)

// cleaning removes what labs left on the engine.
type cleaning struct {
	DryRun bool `help:"Only list what would be removed."`
}

func (c *cleaning) Run(s *signals) error {
	verb := "removed"
	if c.DryRun {
		verb = "to remove"
	}
	gone, kept, shared := 0, 0, false
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	freed, err := topology.Clean(s.run, c.DryRun, func(l topology.Leftover) {
		size := ""
		if l.Kind == "image" {
			size, shared = humanize.Bytes(uint64(l.Size)), true
		}
		if l.Kept != nil {
			kept++
			fmt.Fprintf(table, "kept\t%s\t%s\t%s: %v\n", l.Kind, size, l.Name, l.Kept)
			return
		}
		gone++
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", verb, l.Kind, size, l.Name)
	})
	table.Flush()
	if err != nil {
		return err
	}
	switch {
	case gone+kept == 0:
		fmt.Println("No lab has left anything on the engine.")
	case c.DryRun && shared:
		fmt.Println("Images share layers, which count at each of them.")
	case !c.DryRun && freed > 0:
		fmt.Printf("%s freed. The next build begins anew.\n", humanize.Bytes(uint64(freed)))
	}
	return nil
}
