package main

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// durations reads flags as the configuration reads its durations.
func durations() kong.Option {
	return kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
			return err
		}
		d, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("must be a duration such as 30s or 5m (got %q)", text)
		}
		target.SetInt(int64(d))
		return nil
	}))
}

// The texts of the library that do not say what to write.
var (
	noValue  = regexp.MustCompile(`^(--[a-z-]+): (?:expected \w+ value but got "EOL" \(<EOL>\)|missing value, expecting .*)$`)
	flagNext = regexp.MustCompile(`^(--[a-z-]+): expected \w+ value but got "(--[^"]*)" .*$`)
	oneOf    = regexp.MustCompile(`^<(\w+)> must be one of (.*) but got "(.*)"$`)
	extra    = regexp.MustCompile(`^unexpected argument (.*?)(, did you mean .*)?$`)
)

// usageFault says what is wrong with a command line, and what to write.
func usageFault(err error, parser *kong.Kong) error {
	command, node := "wsticket", parser.Model.Node
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && parse.Context.Selected() != nil {
		node = parse.Context.Selected()
		command = node.FullPath()
	}
	text := err.Error()
	switch {
	case noValue.MatchString(text):
		text = noValue.ReplaceAllString(text, "$1 needs a value, as in $1=VALUE")
	case flagNext.MatchString(text):
		text = flagNext.ReplaceAllString(text, "$1 needs a value, and $2 looks like another flag: write $1=VALUE")
	case oneOf.MatchString(text):
		m := oneOf.FindStringSubmatch(text)
		text = fmt.Sprintf("no such %s: %q (there are %s)", m[1], m[3], strings.NewReplacer(`"`, "", ",", ", ").Replace(m[2]))
	case strings.HasPrefix(text, "expected one of "):
		text = "which command? There are " + strings.Join(commands(node), ", ")
	case strings.HasPrefix(text, `expected "<`):
		text = "which " + strings.Trim(text[len("expected "):], `"<>`) + "?"
		if all := choices(node); len(all) > 0 {
			text += " There are " + strings.Join(all, ", ")
		}
	case extra.MatchString(text):
		text = unexpected(node, extra.FindStringSubmatch(text))
	}
	return usageError{fmt.Errorf("%s (see %s --help)", text, command)}
}

// unexpected is the text for a word that is no command and no argument.
func unexpected(node *kong.Node, m []string) string {
	if node.Type == kong.ApplicationNode {
		near := m[2]
		if near == "" {
			near = " (there are " + strings.Join(commands(node), ", ") + ")"
		}
		return fmt.Sprintf("no such command: %q%s", m[1], near)
	}
	return fmt.Sprintf("%s takes no such argument: %q (flags begin with --, as in --config FILE)", node.Name, m[1])
}

func commands(node *kong.Node) []string {
	var names []string
	for _, child := range node.Children {
		names = append(names, child.Name)
	}
	return names
}

// choices are the values of a command's only argument.
func choices(node *kong.Node) []string {
	for _, arg := range node.Positional {
		return arg.EnumSlice()
	}
	return nil
}
