package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"pubsublab/lab/history"
	"pubsublab/lab/internal/term"
	"pubsublab/lab/report"
)

// checking is lab check: it judges a run that was kept.
type checking struct {
	File string `arg:"" type:"existingfile" help:"The run: run.json of lab up, or of an end-to-end test that failed."`
}

func (c *checking) Run(*signals) error {
	file, err := os.Open(c.File)
	if err != nil {
		return err
	}
	defer file.Close()
	run, err := report.Load(file)
	if err != nil {
		return fmt.Errorf("%s: %w", c.File, err)
	}
	if cut := run.Cut; cut != nil {
		fmt.Printf("A window of %s out of %s is kept, and judged: the run was too large.\n",
			seconds(time.Duration(cut.To-cut.From)*time.Microsecond), seconds(time.Duration(run.Ended-run.Began)*time.Microsecond))
	}
	return checkRun(os.Stdout, run.History)
}

// checkRun prints what the checker says of each order of a run.
func checkRun(out io.Writer, h history.History) error {
	orders, broken := history.Orders(h)
	ok := true
	for i, o := range orders {
		if len(orders) > 1 {
			fmt.Fprintf(out, "Order %d of %d: ", i+1, len(orders))
		}
		report := history.Check(o.History)
		fmt.Fprintln(out, term.VisibleLines(report.String()))
		ok = ok && report.OK()
	}
	for _, b := range broken {
		fmt.Fprintf(out, "Where an order ended, %s had lost %d lines of %s, and received %d again.\n",
			term.Visible(b.Subscriber), b.Lost, term.Visible(b.Publisher), b.Again)
	}
	if !ok {
		return errVerdict
	}
	return nil
}
