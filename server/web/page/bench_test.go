package page_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/heapprofiler"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"pubsublab/server/broker"
)

// BenchmarkTenThousandLinesASecond measures how far what the page draws is behind what is
// published, and what it holds. One operation is one second: -benchtime 3600x is an hour.
func BenchmarkTenThousandLinesASecond(b *testing.B) {
	const rate, piece = 10_000, 100
	s := newSite(b, broker.Config{})
	ada := s.publisher("ada", "news.sea")
	_, err := fmt.Fprintln(ada, 0)
	require.NoError(b, err)
	page := newTab(b).watch(s)
	page.lines(1, "it follows")
	heap := func() float64 {
		usage, err := chromedp.Call(page.ctx, runtime.GetHeapUsage, cdp.Empty{})
		require.NoError(b, err)
		return (usage.UsedSize + usage.BackingStorageSize) / 1e6
	}
	n, most, behind := 0, 0.0, time.Duration(0)
	var written []time.Time // each piece
	b.ResetTimer()
	for i := range b.N {
		for range rate / piece {
			next := time.Now().Add(piece * time.Second / rate)
			var lines strings.Builder
			for range piece {
				n++
				fmt.Fprintf(&lines, "%d %s\n", n, strings.Repeat("x", 56))
			}
			_, err := ada.Write([]byte(lines.String()))
			require.NoError(b, err)
			written = append(written, time.Now())
			time.Sleep(time.Until(next))
		}
		now := time.Now()
		if drawn := eval[int](page, `parseInt(Array.from(document.querySelectorAll("#log .text")).at(-1).textContent)`); drawn < n {
			behind = max(behind, now.Sub(written[drawn/piece]))
		}
		if i%10 == 0 {
			most = max(most, heap())
		}
	}
	b.StopTimer()
	b.ReportMetric(behind.Seconds(), "s-behind-at-most")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "lines/s")
	b.ReportMetric(max(most, heap()), "MB-heap-at-most")
	_, err = chromedp.Call(page.ctx, heapprofiler.CollectGarbage, cdp.Empty{})
	require.NoError(b, err)
	b.ReportMetric(heap(), "MB-heap-in-use")
	page.until(fmt.Sprintf(`document.querySelector("#counted").textContent.startsWith((%d).toLocaleString("en") + " lines received")`, n+1), "all are counted")
}
