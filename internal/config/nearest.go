package config

import (
	"fmt"
	"slices"
	"strings"
)

// unknownKey says what is wrong with key where only the known ones may stand;
// cited is what may be repeated of it.
func unknownKey(cited, key string, known []string) string {
	if near := Nearest(key, known); near != "" {
		return fmt.Sprintf("unknown key %q: did you mean %q?", cited, near)
	}
	if slices.Contains(laterKeys, key) {
		return fmt.Sprintf("this version does not support %q: remove it", key)
	}
	return fmt.Sprintf("unknown key %q: the keys here are %s", cited, strings.Join(known, ", "))
}

// laterKeys belong to xbfd's file format but not to this version. They are
// refused like any other unknown key, in words that do not call them a typo.
var laterKeys = []string{
	"dplane", "addresses", "gobgp", "routes",
}

// Nearest returns the one of known that word is most likely a misspelling of,
// or nothing when none comes close.
func Nearest(word string, known []string) string {
	best, near := "", max(1, len(word)/3)+1
	for _, k := range known {
		if n := distance(word, k, near); n < near {
			best, near = k, n
		}
	}
	return best
}

// distance is the number of letters to insert, delete or replace to turn a
// into b, or limit when that is not less.
func distance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, diagonal+1)
		}
	}
	return min(row[len(b)], limit)
}
