package control_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"net/netip"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/xbfd/xbfd/client"
)

const openAPIFile = "../../docs/openapi.yaml"

type object = map[string]any

func words(list []string) string { return strings.Join(list, ", ") }

func ref(name string) object { return object{"$ref": "#/components/schemas/" + name} }

// describer makes schemas of the client's types; what their comments say becomes
// the description.
type describer struct {
	comments map[string]string // by Type and Type.Field
	schemas  object
}

func newDescriber(t testing.TB) *describer {
	t.Helper()
	d := &describer{comments: map[string]string{}, schemas: object{}}
	files, err := filepath.Glob("../../client/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, name := range append(files, "operations_test.go") {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if g, ok := n.(*ast.GenDecl); ok && len(g.Specs) == 1 {
				if typ, ok := g.Specs[0].(*ast.TypeSpec); ok {
					d.note(typ, g.Doc.Text())
				}
			}
			return true
		})
	}
	return d
}

func (d *describer) note(typ *ast.TypeSpec, doc string) {
	s, ok := typ.Type.(*ast.StructType)
	if !ok {
		return
	}
	d.comments[typ.Name.Name] = oneLine(doc)
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			d.comments[typ.Name.Name+"."+name.Name] = oneLine(cmp.Or(f.Doc.Text(), f.Comment.Text()))
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// of returns the schema of a type; structs become schemas of their own.
func (d *describer) of(typ reflect.Type, request bool) object {
	switch typ {
	case reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case reflect.TypeFor[netip.Addr](), reflect.TypeFor[client.HexBytes]():
		return object{"type": "string"}
	case reflect.TypeFor[json.RawMessage]():
		return object{"type": "object"}
	case reflect.TypeFor[document]():
		return object{"type": "object", "description": "a configuration as docs/xbfd.schema.json has it; a body may also be YAML"}
	}
	switch typ.Kind() {
	case reflect.Pointer:
		return object{"anyOf": []any{d.of(typ.Elem(), request), object{"type": "null"}}}
	case reflect.Slice:
		return object{"type": "array", "items": d.of(typ.Elem(), request)}
	case reflect.Map:
		return object{"type": "object", "additionalProperties": d.of(typ.Elem(), request)}
	case reflect.Struct:
		return d.object(typ, request)
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.String:
		return object{"type": "string"}
	case reflect.Float64:
		return object{"type": "number"}
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return object{"type": "integer", "minimum": 0, "maximum": uint64(1)<<typ.Bits() - 1}
	case reflect.Uint64:
		return object{"type": "integer", "minimum": 0}
	}
	return object{"type": "integer"}
}

func (d *describer) object(typ reflect.Type, request bool) object {
	name := strings.ToUpper(typ.Name()[:1]) + typ.Name()[1:]
	if request {
		name += "Request"
	}
	if _, done := d.schemas[name]; done {
		return ref(name)
	}
	properties := object{}
	s := object{"type": "object", "properties": properties}
	d.schemas[name] = s
	if doc := d.comments[typ.Name()]; doc != "" {
		s["description"] = doc
	}
	var required []string
	for _, f := range reflect.VisibleFields(typ) {
		key, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous || key == "-" {
			continue
		}
		one := d.of(f.Type, request)
		if doc := d.comments[owner(typ, f)+"."+f.Name]; doc != "" {
			one["description"] = doc
		}
		properties[key] = one
		within := len(f.Index) == 1 || typ.FieldByIndex(f.Index[:1]).Type.Kind() != reflect.Pointer
		if options == "" && within && !request {
			required = append(required, key)
		}
	}
	if request {
		s["additionalProperties"], required = false, needed[typ.Name()]
	}
	if required != nil {
		slices.Sort(required)
		s["required"] = required
	}
	return ref(name)
}

// needed are the keys that a body must have.
var needed = map[string][]string{"SessionSpec": {"peer"}, "signal": {"diagnostic"}, "keyBody": {"type"}}

// owner is the name of the type that a promoted field comes from.
func owner(typ reflect.Type, f reflect.StructField) string {
	for _, i := range f.Index[:len(f.Index)-1] {
		if typ = typ.Field(i).Type; typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
	}
	return typ.Name()
}

var statusTexts = map[int]string{
	400: "not a request of this API", 403: "it belongs to somebody else", 404: "there is none", 409: "it cannot be beside what there is",
	422: "a value cannot be", 503: "not now: try again",
}

// openAPI returns the description of the whole API.
func openAPI(t testing.TB) []byte {
	t.Helper()
	d := newDescriber(t)
	paths := map[string]object{}
	for _, op := range operations {
		method, path, _ := strings.Cut(op.route, " ")
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path][strings.ToLower(method)] = d.operation(&op, path)
	}
	envelope := d.of(reflect.TypeFor[client.Envelope](), false)
	refusals := map[int]object{}
	for status, why := range statusTexts {
		refusals[status] = object{"description": why, "content": object{"application/json": object{"schema": envelope}}}
	}
	text, err := json.Marshal(struct {
		Version    string            `json:"openapi"`
		Info       object            `json:"info"`
		Servers    []object          `json:"servers"`
		Paths      map[string]object `json:"paths"`
		Components object            `json:"components"`
	}{"3.1.0", object{
		"title": "xbfd", "version": "1",
		"description": "The API of a running xbfd, on a unix socket. Intervals are microseconds, times are UTC. docs/api.md explains it. " +
			"Later versions may add keys to answers.",
		"license": object{"name": "Apache-2.0", "identifier": "Apache-2.0"},
	}, []object{{"url": "http://xbfd", "description": "the unix socket /run/xbfd.sock; the name of the host means nothing"}}, paths, object{"schemas": d.schemas, "responses": refusals}})
	if err != nil {
		t.Fatal(err)
	}
	if text, err = yaml.JSONToYAML(text); err != nil {
		t.Fatal(err)
	}
	return append([]byte("# Made from the code by make docs.\n"), text...)
}

func (d *describer) operation(op *operation, path string) object {
	var params []object
	for _, part := range strings.Split(path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			params = append(params, object{"name": strings.TrimSuffix(name, "}"), "in": "path", "required": true, "schema": object{"type": "string"}})
		}
	}
	for _, name := range op.query {
		p := parameters[name]
		params = append(params, object{"name": name, "in": "query", "description": p.about, "schema": object{"type": p.kind}})
	}
	o := object{"summary": op.summary, "operationId": strings.NewReplacer(" /", "-", "/", "-", "{", "", "}", "").Replace(strings.ToLower(op.route))}
	if params != nil {
		o["parameters"] = params
	}
	if op.body != nil {
		o["requestBody"] = object{"content": object{"application/json": object{"schema": d.of(op.body, true), "example": json.RawMessage(op.example)}}}
	}
	answer := object{"description": "done"}
	switch media := cmp.Or(op.media, "application/json"); {
	case op.answer != nil:
		answer["content"] = object{media: object{"schema": d.of(op.answer, false)}}
	case op.status != 204:
		answer["content"] = object{media: object{"schema": object{"type": "string"}}}
	}
	responses := map[int]object{op.status: answer}
	for _, status := range append([]int{400, 503}, op.broken...) {
		responses[status] = object{"$ref": fmt.Sprintf("#/components/responses/%d", status)}
	}
	o["responses"] = responses
	return o
}
