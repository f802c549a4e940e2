package control_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	gocmp "github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/control"
)

// The published description is that of the code, and has every route.
func TestOpenAPI(t *testing.T) {
	got := openAPI(t)
	if *update {
		if err := os.WriteFile(openAPIFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(openAPIFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is not of this version: make docs writes it\n%s", openAPIFile, diff)
	}
	var described []string
	for _, op := range operations {
		described = append(described, op.route)
	}
	routes := control.Routes()
	slices.Sort(described)
	slices.Sort(routes)
	if diff := gocmp.Diff(routes, described); diff != "" {
		t.Errorf("(-registered +described):\n%s", diff)
	}
}

// What the routes really take and answer is as described.
func TestAnswersAreAsDescribed(t *testing.T) {
	text, err := yaml.YAMLToJSON(openAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("openapi.json", doc); err != nil {
		t.Fatal(err)
	}
	check := func(what string, op *operation, at string, text []byte) {
		t.Helper()
		method, path, _ := strings.Cut(op.route, " ")
		pointer := "openapi.json#/paths/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(path) + "/" + strings.ToLower(method) + at
		s, err := c.Compile(strings.NewReplacer("{", "%7B", "}", "%7D").Replace(pointer))
		if err != nil {
			t.Fatal(err)
		}
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err == nil {
			err = s.Validate(value)
		}
		if err != nil {
			t.Errorf("%s: %s %s: %v", op.route, what, text, err)
		}
	}
	b := four()
	b.AddKey(1, "keyed-sha1")
	for i := range operations {
		op := &operations[i]
		method, path, _ := strings.Cut(op.route, " ")
		path = cmp.Or(op.at, strings.ReplaceAll(path, "{id}", "11"))
		if op.body != nil {
			check("takes", op, "/requestBody/content/application~1json/schema", []byte(op.example))
		}
		if op.media == "text/plain" {
			continue // metrics have a test of their own
		}
		w := request(b, method, path, op.example)
		if w.Code != op.status {
			t.Errorf("%s: %d %s, want %d", op.route, w.Code, w.Body, op.status)
			continue
		}
		media := cmp.Or(op.media, "application/json")
		if got := w.Header().Get("Content-Type"); op.status != 204 && !strings.HasPrefix(got, media) {
			t.Errorf("%s: answers %q, want %q", op.route, got, media)
		}
		if op.answer == nil {
			continue
		}
		at := "/responses/200/content/" + strings.ReplaceAll(media, "/", "~1") + "/schema"
		if op.status == 201 {
			at = strings.Replace(at, "200", "201", 1)
		}
		for line := range strings.Lines(w.Body.String()) {
			check("answers", op, at, []byte(line))
		}
	}
}

var listed = regexp.MustCompile(`^unknown key: there are (.*)$`)

// A body may have the keys that are described, and no others; a route without a
// described body takes none.
func TestBodiesAreAsDescribed(t *testing.T) {
	for _, op := range operations {
		method, path, _ := strings.Cut(op.route, " ")
		if method == "GET" || method == "DELETE" || op.body == reflect.TypeFor[document]() {
			continue
		}
		w := request(four(), method, cmp.Or(op.at, strings.ReplaceAll(path, "{id}", "11")), `{"qqqqqqqqqqqqqqqqqqqqqqqq": 1}`)
		var e client.Envelope
		var takes, described []string
		if err := json.Unmarshal(w.Body.Bytes(), &e); err == nil && e.Error != nil {
			if m := listed.FindStringSubmatch(e.Error.Message); m != nil {
				takes = strings.Split(m[1], ", ")
			}
		}
		if op.body != nil {
			for _, f := range reflect.VisibleFields(op.body) {
				if key, _, _ := strings.Cut(f.Tag.Get("json"), ","); !f.Anonymous {
					described = append(described, key)
				}
			}
			slices.Sort(described)
		}
		if diff := gocmp.Diff(described, takes); diff != "" {
			t.Errorf("%s (-described +taken):\n%s", op.route, diff)
		}
	}
}
