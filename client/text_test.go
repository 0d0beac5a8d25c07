package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"pubsublab/client/internal/fake"
)

func TestAByteOrderMarkIsNotPartOfAText(t *testing.T) {
	for in, want := range map[string]string{
		"":                      "",
		"\ufeff":                "",
		"\ufeffterminate":       "terminate",
		"\ufeff\ufefftwo":       "\ufefftwo",
		"a\ufeff":               "a\ufeff",
		"\xef":                  "\xef",
		"\xef\xbb":              "\xef\xbb",
		"\xef\xbb\xbcx":         "\xef\xbb\xbcx",
		"\xff":                  "\xff",
		"\xffx":                 "\xffx",
		"\ufeff\xff\xfe":        "\xff\xfe",
		strings.Repeat("x", 99): strings.Repeat("x", 99),
	} {
		got, err := io.ReadAll(&textReader{Reader: strings.NewReader(in)})
		assert.NoError(t, err)
		assert.Equal(t, want, string(got), "%q", in)
		assert.NoError(t, iotest.TestReader(&textReader{Reader: iotest.OneByteReader(strings.NewReader(in))}, []byte(want)), "%q", in)
	}
	for _, in := range []string{"\xff\xfea\x00", "\xfe\xff\x00a"} {
		_, err := io.ReadAll(&textReader{Reader: strings.NewReader(in)})
		assert.ErrorIs(t, err, errUTF16, "%q", in)
	}
}

// What is typed into a pipe by hand arrives at once: the reader waits for no more than it has to.
func TestATextIsReadAsItComes(t *testing.T) {
	r, w := io.Pipe()
	defer w.Close()
	go io.WriteString(w, "x")
	got := make([]byte, 10)
	n, err := (&textReader{Reader: r}).Read(got)
	assert.NoError(t, err)
	assert.Equal(t, "x", string(got[:n]))
}

func TestScriptsWithAByteOrderMark(t *testing.T) {
	for name, args := range map[string][]string{
		"a file":               {"HOST PORT", "publisher", "--script=" + inFile(t, "\ufeffone\n\ufefftwo\n")},
		"a pipe":               {"HOST PORT", "publisher"},
		"the role comes first": {"HOST PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t, func(p *fake.Peer) {
				p.Accept(" next=1")
				p.Want("one", "\ufefftwo")
				p.Send("ack 2\n")
				p.Want("terminate")
			})
			stdin := "\ufeffone\n\ufefftwo\n"
			if len(args) == 1 {
				stdin = "\ufeffpublisher\none\n\ufefftwo\n"
			}
			got := client(t, s, strings.NewReader(stdin), args...)
			assert.Zero(t, got.exit, got.stderr)
		})
	}
	t.Run("terminate", func(t *testing.T) {
		s := fake.New(t, func(p *fake.Peer) {
			p.Accept(" next=1")
			p.Want("terminate")
		})
		got := client(t, s, strings.NewReader("\ufeffterminate\r\nnever\r\n"), "HOST PORT", "publisher")
		assert.Zero(t, got.exit, got.stderr)
		assert.Contains(t, got.stderr, "summary: 0 lines sent, 0 acknowledged, 0 rejected\n")
	})
	t.Run("UTF-16", func(t *testing.T) {
		s := fake.New(t, func(p *fake.Peer) {
			p.Accept(" next=1")
			p.Want("terminate")
		})
		got := client(t, s, nil, "HOST PORT", "publisher", "--script="+inFile(t, "\xff\xfeo\x00n\x00e\x00\r\x00\n\x00"))
		assert.Equal(t, 1, got.exit)
		assert.Contains(t, got.stderr, "client: reading the script: it is UTF-16, expected UTF-8\n")
	})
}

func TestTokens(t *testing.T) {
	long := strings.Repeat("x", 256)
	for name, c := range map[string]struct{ flag, want, wrong string }{
		"a file":              {"--token-file=" + inFile(t, "sesame\n"), "sesame", ""},
		"a file of Windows":   {"--token-file=" + inFile(t, "\ufeffsesame\r\n"), "sesame", ""},
		"an argument":         {"--token=sesame", "sesame", ""},
		"out of such a file":  {"--token=\ufeffsesame\r", "sesame", ""},
		"as long as can be":   {"--token=" + long, long, ""},
		"too long":            {"--token=" + long + "x", "", "--token: expected one token of 1 to 256 bytes"},
		"two":                 {"--token=a name=b", "", "--token: expected one token of 1 to 256 bytes, without white space in it"},
		"nothing but a mark":  {"--token-file=" + inFile(t, "\ufeff\n"), "", "expected one token"},
		"two lines in a file": {"--token-file=" + inFile(t, "a\nb\n"), "", "expected one token"},
		"a file in UTF-16":    {"--token-file=" + inFile(t, "\xff\xfes\x00"), "", "it is UTF-16, expected UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			s := fake.New(t, func(p *fake.Peer) {
				assert.Equal(t, c.want, p.Accept(" next=1").Token)
				p.Discard()
			})
			got := client(t, s, strings.NewReader(""), "HOST PORT", "publisher", c.flag)
			if c.wrong == "" {
				assert.Zero(t, got.exit, got.stderr)
				return
			}
			assert.Equal(t, 2, got.exit)
			assert.Contains(t, got.stderr, c.wrong)
		})
	}
}

func TestCertificatesWithAByteOrderMark(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))

	o := options{
		TLSCA:   inFile(t, "\ufeff"+certificate),
		TLSCert: inFile(t, "\ufeff"+strings.ReplaceAll(certificate, "\n", "\r\n")),
		TLSKey:  inFile(t, "\ufeff"+private),
	}
	config, _, err := o.secure()
	require.NoError(t, err)
	assert.Equal(t, der, config.Certificates[0].Certificate[0])
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(certificate))
	assert.True(t, pool.Equal(config.RootCAs), "the authority")

	o.TLSKey = inFile(t, "\xff\xfe-\x00")
	_, _, err = o.secure()
	assert.ErrorContains(t, err, "--tls-key: ")
	assert.ErrorContains(t, err, "it is UTF-16, expected UTF-8")
}
