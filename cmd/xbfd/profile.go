package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) profileCommand() *cobra.Command {
	var format string
	list := shows(e, &cobra.Command{
		Use:   "list",
		Short: "List the profiles and who has them",
	}, &format, (*control.Client).Profiles, func(w io.Writer, all []control.Profile) { writeProfiles(w, all, format == "wide") })
	choiceFlag(list, &format, "output", "o", "table", listFormats, "what to print")
	return group(&cobra.Command{Use: "profile COMMAND", Short: "Look at profiles; only the file can change them"}, list)
}

func writeProfiles(w io.Writer, all []control.Profile, wide bool) {
	fmt.Fprint(w, "PROFILE\tSESSIONS\tSETTINGS")
	if wide {
		fmt.Fprint(w, "\tPEERS")
	}
	fmt.Fprintln(w)
	for _, p := range all {
		settings := "there is none of this name (yet)"
		if p.Defined {
			settings = settingsInWords(p.Settings)
		}
		fmt.Fprintf(w, "%s\t%d\t%s", p.Name, len(p.Sessions), settings)
		if wide {
			var peers []string
			for _, s := range p.Sessions {
				peers = append(peers, s.Peer.String())
			}
			fmt.Fprintf(w, "\t%s", dash(strings.Join(peers, " ")))
		}
		fmt.Fprintln(w)
	}
}

// settingsInWords writes an object of settings as a file has it in one line. No
// value in it has quotes, colons or commas of its own.
func settingsInWords(object json.RawMessage) string {
	text := strings.NewReplacer(`"`, "", ":", ": ", ",", ", ").Replace(string(object))
	return dash(strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}"))
}
