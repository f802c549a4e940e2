package main

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/xbfd/xbfd/client"
)

// completionTime is how long a person who has pressed Tab waits for the daemon.
const completionTime = 2 * time.Second

type completer = cobra.CompletionFunc

// complete gives all commands the names that there are at this moment: of peers
// for X, of interfaces, profiles and keys. Without a daemon there are none.
func (e *env) complete(c *cobra.Command) {
	for _, sub := range c.Commands() {
		e.complete(sub)
	}
	if strings.Contains(c.Use+" ", " X ") {
		others := c.ValidArgsFunction
		c.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 && others != nil {
				return others(cmd, args, begun)
			}
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return e.completePeers(cmd, args, begun)
		}
	}
	if strings.HasSuffix(c.Use, "del ID") {
		c.ValidArgsFunction = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return e.completeKeys(cmd, args, begun)
		}
	}
	for name, f := range map[string]completer{
		"peer-addr": e.completePeers, "peer": e.completePeers, "interface": completeInterfaces, "profile": e.completeProfiles, "conf-key-id": e.completeKeys,
	} {
		if c.Flags().Lookup(name) != nil {
			_ = c.RegisterFlagCompletionFunc(name, f) // it is the only one
		}
	}
}

// completePeers names sessions by their peers, and by the discriminator where two
// have the same one.
func (e *env) completePeers(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	c := client.New(e.control)
	defer c.Close()
	list, err := c.Sessions(ctx, client.Filter{})
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	same := make(map[string]int)
	for i := range list {
		same[list[i].Peer.String()]++
	}
	var names []string
	for i := range list {
		s := &list[i]
		name := s.Peer.String()
		about := fmt.Sprintf("%s on %s", s.State, dash(s.Interface))
		if same[name] > 1 {
			name, about = fmt.Sprint(s.LocalDiscriminator), name+", "+about
		}
		names = append(names, cobra.CompletionWithDesc(name, about))
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func (e *env) completeProfiles(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	c := client.New(e.control)
	defer c.Close()
	var names []string
	if list, err := c.Profiles(ctx); err == nil {
		for _, p := range list {
			names = append(names, p.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// completeKeys names the keys of the pool.
func (e *env) completeKeys(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
	defer cancel()
	c := client.New(e.control)
	defer c.Close()
	var names []string
	if list, err := c.Keys(ctx); err == nil {
		for _, k := range list {
			names = append(names, cobra.CompletionWithDesc(fmt.Sprint(k.ID), fmt.Sprintf("%s of the %s, %s", k.Type, k.Owner, plural(k.Uses, "use"))))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

func completeInterfaces(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var names []string
	if list, err := net.Interfaces(); err == nil {
		for _, i := range list {
			names = append(names, i.Name)
		}
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}
