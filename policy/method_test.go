package policy_test

import (
	"testing"

	"github.com/reinvoke/reinvoke/policy"
)

func TestValidatePattern_texts(t *testing.T) {
	good := []string{
		"/package.Service/Method",
		"/Service/Method",
		"/package.Service/*",
		"/package.Service/Get*",
		"/package.*",
		"/package.Service*",
		"/*",
	}
	for _, pattern := range good {
		if err := policy.ValidatePattern(pattern); err != nil {
			t.Errorf("ValidatePattern(%q) = %v, want nil", pattern, err)
		}
	}
	const want = `: want "/package.Service/Method", "/package.Service/*" or "/package.*"`
	bad := []struct{ name, pattern, quoted string }{
		{"nothing at all", "", `""`},
		{"a star alone", "*", `"*"`},
		{"a slash alone", "/", `"/"`},
		{"no slash in front", "package.Service/Method", `"package.Service/Method"`},
		{"no slash in front of a star", "package.*", `"package.*"`},
		{"a service alone", "/package.Service", `"/package.Service"`},
		{"no method", "/package.Service/", `"/package.Service/"`},
		{"no service", "//Method", `"//Method"`},
		{"no service in front of a star", "//Get*", `"//Get*"`},
		{"no service and no method", "//*", `"//*"`},
		{"a third part", "/package.Service/Method/More", `"/package.Service/Method/More"`},
		{"a third part with a star", "/package.Service/Method/*", `"/package.Service/Method/*"`},
		{"two stars", "/package.Service/**", `"/package.Service/**"`},
		{"a star inside", "/package.*/Method", `"/package.*/Method"`},
		{"a space", "/package.Service/My Method", `"/package.Service/My Method"`},
		{"a tab", "/package.Service/\tMethod", `"/package.Service/\tMethod"`},
		{"a line break", "/package.Service/Method\n", `"/package.Service/Method\n"`},
	}
	for _, c := range bad {
		t.Run(c.name, func(t *testing.T) {
			wantError(t, policy.ValidatePattern(c.pattern), "policy: method pattern "+c.quoted+want)
		})
	}
}

func TestMatchPattern(t *testing.T) {
	cases := []struct {
		pattern, method string
		want            bool
	}{
		{"/a.S/Get", "/a.S/Get", true},
		{"/a.S/Get", "/a.S/GetMore", false},
		{"/a.S/Get", "/a.S/Ge", false},
		{"/a.S/*", "/a.S/Get", true},
		{"/a.S/*", "/a.S/", true},
		{"/a.S/*", "/a.SX/Get", false},
		{"/a.S/Get*", "/a.S/Get", true},
		{"/a.S/Get*", "/a.S/GetMore", true},
		{"/a.S/Get*", "/a.S/List", false},
		{"/a.*", "/a.S/Get", true},
		{"/a.*", "/a.b.S/Get", true},
		{"/a.*", "/ab.S/Get", false},
		{"/S/*", "/a/S/Get", false},
		{"/*", "/a.S/Get", true},
		{"/a.S/get", "/a.S/Get", false},
	}
	for _, c := range cases {
		if got := policy.MatchPattern(c.pattern, c.method); got != c.want {
			t.Errorf("MatchPattern(%q, %q) = %v, want %v", c.pattern, c.method, got, c.want)
		}
	}
}

func TestMoreSpecific(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want bool
	}{
		{"/a.S/Get", "/a.S/*", true},
		{"/a.S/Get", "/a.S/Get*", true},
		{"/a.S/Get*", "/a.S/Get", false},
		{"/a.S/*", "/a.*", true},
		{"/a.S/*", "/a.S/*", false},
		{"/a.S/Get", "/a.S/Get", false},
	} {
		if got := policy.MoreSpecific(tt.a, tt.b); got != tt.want {
			t.Errorf("MoreSpecific(%q, %q) is %v, want %v", tt.a, tt.b, got, tt.want)
		}
	}
	c := policy.Config{Methods: []policy.Method{{Pattern: "/a.S/Get*"}, {Pattern: "/a.S/Get"}}}
	if got := c.Method("/a.S/Get").Pattern; got != "/a.S/Get" {
		t.Errorf("the pattern for /a.S/Get is %q, want the method's own name", got)
	}
}
