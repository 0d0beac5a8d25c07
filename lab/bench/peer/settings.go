package peer

import (
	"fmt"
	"os"
	"os/user"
)

// Each broker runs as it comes, with the limits raised at which it would cut off subscribers that
// are slow for a moment, and with nothing written to disk.

func labArgs(s setting) ([]string, string) {
	args := []string{"--host=127.0.0.1"}
	if s.cert != "" {
		args = append(args, "--tls-cert="+s.cert, "--tls-key="+s.key)
	}
	return append(args, s.port), ""
}

func natsArgs(s setting) ([]string, string) {
	config := fmt.Sprintf("listen: \"127.0.0.1:%s\"\nmax_pending: 1073741824\nwrite_deadline: \"60s\"\n", s.port)
	if s.cert != "" {
		config += fmt.Sprintf("tls { cert_file: %q, key_file: %q, handshake_first: true }\n", s.cert, s.key)
	}
	return []string{"--config", s.config}, config
}

func redisArgs(s setting) ([]string, string) {
	config := fmt.Sprintf("bind 127.0.0.1\ndir %q\nsave \"\"\nappendonly no\nclient-output-buffer-limit pubsub 0 0 0\n", s.dataPath)
	if s.cert == "" {
		return []string{s.config}, config + fmt.Sprintf("port %s\n", s.port)
	}
	return []string{s.config}, config +
		fmt.Sprintf("port 0\ntls-port %s\ntls-cert-file %q\ntls-key-file %q\ntls-auth-clients no\n", s.port, s.cert, s.key)
}

func mosquittoArgs(s setting) ([]string, string) {
	config := fmt.Sprintf("listener %s 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\nmax_queued_messages 0\nmax_queued_bytes 0\n"+
		"log_type error\nlog_type warning\nlog_dest stderr\n", s.port)
	if s.user != "" {
		config += "user " + s.user + "\n" // started as root it would become someone who may not read the key
	}
	if s.cert != "" {
		config += fmt.Sprintf("certfile %s\nkeyfile %s\n", s.cert, s.key)
	}
	return []string{"-c", s.config}, config
}

func labWebArgs(s setting) ([]string, string) {
	return []string{"--host=127.0.0.1", "--http=127.0.0.1:" + s.port, "0"}, ""
}

func centrifugoArgs(s setting) ([]string, string) {
	return []string{"--config", s.config}, fmt.Sprintf(`{
	"http_server": {"address": "127.0.0.1", "port": %q},
	"log": {"level": "error"},
	"usage_stats": {"disabled": true},
	"client": {"insecure": true, "queue_max_size": 1073741824},
	"http_api": {"insecure": true},
	"uni_sse": {"enabled": true}
}`, s.port)
}

func limitArgs(kind string) func(setting) ([]string, string) {
	return func(s setting) ([]string, string) { return []string{kind, "127.0.0.1:" + s.port}, "" }
}

func currentUser() string {
	if u, err := user.Current(); err == nil && os.Getuid() == 0 {
		return u.Username
	}
	return ""
}
