package console

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"pubsublab/lab/topology"
)

// brokers are where the HTTP sides of the running brokers are, by node.
func (c *Console) brokers() (names, addrs []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, n := range c.nodes {
		if n.Spec.Role == topology.Broker && !n.ended && !n.frozen && !n.cut {
			if addr := httpAddr(n.Node); addr != "" {
				names, addrs = append(names, n.Spec.Name), append(addrs, addr)
			}
		}
	}
	return names, addrs
}

// httpAddr is where the HTTP side of a broker is on this machine, or "".
func httpAddr(n Node) string {
	flag, _ := n.Spec.Flag("http")
	_, text, err := net.SplitHostPort(flag)
	if err != nil {
		return ""
	}
	port, err := net.LookupPort("tcp", text)
	if err != nil {
		return ""
	}
	return n.AddrOf(port)
}

// errNoBroker is what a page is told while no broker answers.
var errNoBroker = errors.New("no broker answers")

// toBroker passes a request on to the first broker that runs.
func (c *Console) toBroker(w http.ResponseWriter, r *http.Request) {
	_, addrs := c.brokers()
	if len(addrs) == 0 {
		refuse(w, http.StatusBadGateway, errNoBroker)
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: addrs[0]})
			p.Out.Host = addrs[0]
			for _, name := range []string{"Origin", "Referer", "Authorization", "Cookie", "Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest"} {
				p.Out.Header.Del(name) // what they say was checked here
			}
		},
		Transport:    c.transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { refuse(w, http.StatusBadGateway, errNoBroker) },
	}
	proxy.ServeHTTP(w, r)
}

// connzTimeout is how long a broker may take to say who is online.
const connzTimeout = time.Second

// online is what a broker says about itself and who is online there. What is in it is not looked at,
// but for the names.
type online struct {
	Brokers     []map[string]json.RawMessage `json:"brokers"`
	Connections []map[string]json.RawMessage `json:"connections"`
}

// serveConnz asks all brokers at once, and puts together what they say under the names of their
// nodes.
func (c *Console) serveConnz(w http.ResponseWriter, r *http.Request) {
	names, addrs := c.brokers()
	said := make([]*online, len(addrs))
	var asking sync.WaitGroup
	for i, addr := range addrs {
		asking.Go(func() { said[i] = c.connz(r.Context(), names[i], addr) })
	}
	asking.Wait()
	all, some := online{[]map[string]json.RawMessage{}, []map[string]json.RawMessage{}}, false
	for _, s := range said {
		if s != nil {
			some = true
			all.Brokers, all.Connections = append(all.Brokers, s.Brokers...), append(all.Connections, s.Connections...)
		}
	}
	if !some {
		refuse(w, http.StatusBadGateway, errNoBroker)
		return
	}
	answer(w, http.StatusOK, all)
}

// connz asks one broker; nil where it does not answer.
func (c *Console) connz(ctx context.Context, name, addr string) *online {
	ctx, cancel := context.WithTimeout(ctx, connzTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/connz", nil)
	if err != nil {
		return nil
	}
	response, err := c.transport.RoundTrip(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	var s online
	if response.StatusCode != http.StatusOK || json.NewDecoder(response.Body).Decode(&s) != nil {
		return nil
	}
	as, _ := json.Marshal(name)
	for _, b := range s.Brokers {
		b["name"] = as
	}
	for _, conn := range s.Connections {
		conn["broker"] = as
	}
	return &s
}
