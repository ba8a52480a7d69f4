package headers_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skans-go/skans/sanitize/headers"
)

// TestDescribeIsTheGoldenFile holds the whole promise: a change of one directive is one changed line there.
func TestDescribeIsTheGoldenFile(t *testing.T) {
	for file, config := range map[string]headers.Config{
		"testdata/default.txt": {},
		"testdata/full.txt": {
			Script: []string{"'strict-dynamic'"}, Style: []string{}, Image: []string{"'self'", "https://img.example"}, Connect: []string{"wss://live.example"}, Frame: []string{},
			FrameAncestors: []string{"'self'"}, TrustedTypes: []string{"app"}, Referrer: "no-referrer", Permissions: []string{"fullscreen"}, ReportPath: "/csp-reports", InsecureReportOnly: true,
			CORS: headers.CORS{Origins: []string{"https://app.example"}, Methods: []string{"PUT"}, Headers: []string{"X-Token"}, Expose: []string{"ETag"}, Credentials: true, MaxAge: time.Hour},
		},
	} {
		p, err := headers.New(config)
		require.NoError(t, err)
		golden, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, string(golden), p.Describe(), file)
	}
}

func TestNewRefusesWhatWouldUndoThePolicy(t *testing.T) {
	for want, config := range map[string]headers.Config{
		`Script: source "'unsafe-inline'"`:          {Script: []string{"'unsafe-inline'"}},
		`Script: source "'unsafe-eval'"`:            {Script: []string{"'unsafe-eval'"}},
		`Script: source "'unsafe-hashes'"`:          {Script: []string{"'unsafe-hashes'"}},
		`Script: source "data:"`:                    {Script: []string{"data:"}},
		`Script: source "*"`:                        {Script: []string{"*"}},
		`Script: source "https:"`:                   {Script: []string{"https:"}},
		`Script: source "http://a.example"`:         {Script: []string{"http://a.example"}},
		`Script: source "'none'" would`:             {Script: []string{"'none'"}},
		`Script: source "'sha256-x'"`:               {Script: []string{"'sha256-x'"}},
		`Script: source "https://*"`:                {Script: []string{"https://*"}},
		`Script: source "https://*.example"`:        {Script: []string{"https://*.example"}},
		`Script: source "https://a.example; x"`:     {Script: []string{"https://a.example; x"}},
		`Script: source "https://a.example\r\nX: y`: {Script: []string{"https://a.example\r\nX: y"}},
		`Script: source "https://u:p@a.example"`:    {Script: []string{"https://u:p@a.example"}},
		`Script: source "cdn.example"`:              {Script: []string{"cdn.example"}},
		`Style: source "'unsafe-inline'"`:           {Style: []string{"'unsafe-inline'"}},
		`Image: source "'none'" stands alone`:       {Image: []string{"'none'", "'self'"}},
		`Connect: source "ws://a.example"`:          {Connect: []string{"ws://a.example"}},
		`FrameAncestors: source "*"`:                {FrameAncestors: []string{"*"}},
		`FormAction: source "data:"`:                {FormAction: []string{"data:"}},
		`TrustedTypes: "*"`:                         {TrustedTypes: []string{"*"}},
		`TrustedTypes: "'allow-duplicates'"`:        {TrustedTypes: []string{"'allow-duplicates'"}},
		`Referrer: "unsafe-url"`:                    {Referrer: "unsafe-url"},
		`Permissions: "camera=*"`:                   {Permissions: []string{"camera=*"}},
		`ReportPath: "csp"`:                         {ReportPath: "csp"},
		`ReportPath: "//evil.example"`:              {ReportPath: "//evil.example"},
		`ReportPath: "/a;b"`:                        {ReportPath: "/a;b"},
		`ReportsPerMinute is negative`:              {ReportsPerMinute: -1},
		`CORS has no Origins`:                       {CORS: headers.CORS{Credentials: true}},
		`CORS.Origins: "*"`:                         {CORS: headers.CORS{Origins: []string{"*"}}},
		`CORS.Origins: "null"`:                      {CORS: headers.CORS{Origins: []string{"null"}}},
		`CORS.Origins: "https://*.example"`:         {CORS: headers.CORS{Origins: []string{"https://*.example"}}},
		`CORS.Origins: "http://a.example"`:          {CORS: headers.CORS{Origins: []string{"http://a.example"}}},
		`CORS.Origins: "https://a.example/"`:        {CORS: headers.CORS{Origins: []string{"https://a.example/"}}},
		`CORS.Origins: "https://A.example"`:         {CORS: headers.CORS{Origins: []string{"https://A.example"}}},
		`CORS.Origins: "https://a.example:443"`:     {CORS: headers.CORS{Origins: []string{"https://a.example:443"}}},
		`CORS.Headers: "*"`:                         {CORS: headers.CORS{Origins: []string{"https://a.example"}, Headers: []string{"*"}}},
		`CORS.Methods: "GET, PUT"`:                  {CORS: headers.CORS{Origins: []string{"https://a.example"}, Methods: []string{"GET, PUT"}}},
		`CORS.MaxAge`:                               {CORS: headers.CORS{Origins: []string{"https://a.example"}, MaxAge: 48 * time.Hour}},
	} {
		p, err := headers.New(config)
		require.ErrorContains(t, err, strings.ReplaceAll(want, "\r\n", `\r\n`))
		require.Nil(t, p)
	}
}

func TestConfigIsCopied(t *testing.T) {
	list := []string{"https://a.example"}
	p, err := headers.New(headers.Config{Image: list, TrustedTypes: list[:0]})
	require.NoError(t, err)
	before := p.Describe()
	list[0] = "https://evil.example"
	require.Equal(t, before, p.Describe())
}
