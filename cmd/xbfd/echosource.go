package main

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/internal/config"
	"github.com/xbfd/xbfd/internal/control"
)

func (e *env) echoSourceCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "echo-source COMMAND",
		Short: "Show or change where Echo packets come from",
		Long: "Show or change where Echo packets come from.\n\n" +
			"They need an address outside the subnets of the interface they leave by, or the router that\n" +
			"sends them back would answer with redirects (RFC 5881 §4): usually one of a loopback interface.\n" +
			"Without a source no session sends Echo packets.",
	}, e.echoSourceSetCommand(), e.echoSourceDelCommand(), e.echoSourceShowCommand())
}

func (e *env) echoSourceSetCommand() *cobra.Command {
	var source control.EchoSource
	var addresses string
	c := &cobra.Command{
		Use:   "set --interface IF | --address ADDRESS[,ADDRESS]",
		Short: "Send Echo packets from the addresses of an interface, or from these",
		Example: "  xbfd echo-source set --interface lo\n" +
			"  xbfd echo-source set --address 10.10.10.2,2001:db8:10::2",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if (source.Interface == "") == (addresses == "") {
				return usagef("from where? Give --interface or --address, one of them")
			}
			if source.Addresses, err = parseAddresses(addresses); err != nil {
				return err
			}
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				set, err := client.SetEchoSource(ctx, source)
				if err != nil {
					return err
				}
				fmt.Fprintf(e.stdout, "echo source set to %s\n", echoSource(set))
				return nil
			})
		},
	}
	c.Flags().StringVar(&source.Interface, "interface", "", "`interface` whose addresses they come from")
	c.Flags().StringVar(&addresses, "address", "", "`address` they come from; two, with a comma, for IPv4 and IPv6")
	return c
}

func parseAddresses(text string) (list []netip.Addr, err error) {
	if text == "" {
		return nil, nil
	}
	for word := range strings.SplitSeq(text, ",") {
		a, err := config.ParseAddr(word)
		if err != nil {
			return nil, usagef("--address: %w", err)
		}
		list = append(list, a)
	}
	return list, nil
}

func (e *env) echoSourceDelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "del",
		Short: "Send no Echo packets any more",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return e.ask(cmd.Context(), func(ctx context.Context, client *control.Client) error {
				if err := client.DeleteEchoSource(ctx); err != nil {
					return err
				}
				fmt.Fprintln(e.stdout, "echo source removed")
				return nil
			})
		},
	}
}

func (e *env) echoSourceShowCommand() *cobra.Command {
	var format string
	c := shows(e, &cobra.Command{
		Use:   "show",
		Short: "Show where Echo packets come from",
	}, &format, (*control.Client).EchoSource, func(w io.Writer, s control.EchoSource) { fmt.Fprintln(w, echoSource(s)) })
	outputFlag(c, &format)
	return c
}

// echoSource returns a source in words.
func echoSource(s control.EchoSource) string {
	if s.Interface != "" {
		return "interface " + s.Interface
	}
	var words []string
	for _, a := range s.Addresses {
		words = append(words, a.String())
	}
	if len(words) == 0 {
		return "none"
	}
	return "address " + strings.Join(words, ", ")
}
