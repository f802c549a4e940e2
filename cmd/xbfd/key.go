package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/client"
	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) keyCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "key COMMAND",
		Short: "List or change the keys that sessions authenticate by",
		Long: "List or change the keys that sessions authenticate by.\n\n" +
			"ID is a number of your own, 0 to 4294967295. A key that a session uses can be neither changed\n" +
			"nor deleted: add another one and move its sessions. Secrets are read from a file or from\n" +
			"standard input, never from arguments, which every user of this host can see.",
	}, e.keySetCommand(), e.keyDelCommand(), e.keyListCommand())
}

// oneKey returns the number of a key that is the only argument.
func oneKey(args []string) (uint32, error) {
	if len(args) != 1 {
		return 0, usagef("which key? Give its ID")
	}
	id, err := parseNumber(args[0])
	if err != nil {
		return 0, usagef("ID: %w", err)
	}
	return id, nil
}

func (e *env) keySetCommand() *cobra.Command {
	var kind, file string
	var stdin, hex bool
	c := &cobra.Command{
		Use:   "set ID --type TYPE --secret-file PATH|--secret-stdin [--hex]",
		Short: "Add a key, or change one that is not in use",
		Example: "  xbfd key set 1 --type meticulous-keyed-sha1 --secret-file /etc/xbfd/key1\n" +
			"  pass show bfd | xbfd key set 2 --type keyed-sha1 --secret-stdin",
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := oneKey(args)
			switch {
			case err != nil:
				return err
			case kind == "":
				return usagef("of which type? Give --type")
			case (file != "") == stdin:
				return usagef("which secret? Give --secret-file or --secret-stdin, one of them")
			}
			spec, err := e.keySpec(kind, file, hex)
			if err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				k, err := client.SetKey(ctx, id, spec)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.stdout, "key %d of type %s set\n", k.ID, k.Type)
				return nil
			})
		},
	}
	choiceFlag(c, &kind, "type", "", "", config.KeyTypes, "what it is for")
	c.Flags().StringVar(&file, "secret-file", "", "read the secret from this `file`, without the end of its last line")
	c.Flags().BoolVar(&stdin, "secret-stdin", false, "read the secret from standard input, likewise")
	c.Flags().BoolVar(&hex, "hex", false, "the secret is written in hexadecimal")
	return c
}

// keySpec reads a secret from a file, or from standard input without one.
func (e *env) keySpec(kind, file string, hex bool) (spec client.KeySpec, err error) {
	from, name := e.stdin, "standard input"
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return spec, fmt.Errorf("read secret: %w", err)
		}
		defer f.Close()
		from, name = f, file
	}
	text, err := io.ReadAll(io.LimitReader(from, config.MaxSecretFile+1))
	if err != nil {
		return spec, fmt.Errorf("read secret: %w", err)
	}
	if len(text) > config.MaxSecretFile {
		return spec, fmt.Errorf("secret in %s has more than %d bytes", name, config.MaxSecretFile)
	}
	spec.Type = kind
	secret, err := config.FileSecret(text, hex)
	if err == nil {
		method, _ := config.KeyType(kind) // --type takes no other
		spec.Secret, err = secret.For(method)
	}
	if err != nil {
		return spec, fmt.Errorf("secret in %s: %w", name, err)
	}
	return spec, nil
}

func (e *env) keyDelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "del ID",
		Short: "Delete a key that is not in use",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := oneKey(args)
			if err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				if err := client.DeleteKey(ctx, id); err != nil {
					return err
				}
				fmt.Fprintf(e.stdout, "key %d deleted\n", id)
				return nil
			})
		},
	}
}

func (e *env) keyListCommand() *cobra.Command {
	var format string
	c := shows(e, &cobra.Command{
		Use:   "list",
		Short: "List the keys, without their secrets",
	}, &format, (*control.Client).Keys, writeKeys)
	outputFlag(c, &format)
	return c
}

func writeKeys(w io.Writer, list []control.Key) {
	fmt.Fprintln(w, "ID\tTYPE\tOWNER\tUSES")
	for _, k := range list {
		fmt.Fprintf(w, "%d\t%s\t%s\t%d\n", k.ID, k.Type, k.Owner, k.Uses)
	}
}
