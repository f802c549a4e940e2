package rows

import (
	"regexp"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	const lines = 460
	if n := len(All()); n != lines || strings.Count(table, "\n") != lines {
		t.Fatalf("%d rows of %d lines, want %d", n, strings.Count(table, "\n"), lines)
	}
	var (
		id       = regexp.MustCompile(`^(\d{4}|ENV)-[0-9A-Za-z.]+(-\d\d)$|^(5883)-(TTL|IF)-01$`)
		level    = regexp.MustCompile(`^(MUST|SHOULD)( NOT)?$|^(MAY|must|should|-)$`)
		observed = regexp.MustCompile(`^[WAI](,[WAI])?$`)
		priority = regexp.MustCompile(`^[123-]$`)
		seen     = map[string]bool{}
		perP     = map[string]int{}
	)
	for _, r := range All() {
		if seen[r.ID] {
			t.Errorf("%s appears twice", r.ID)
		}
		seen[r.ID] = true
		perP[r.Priority]++
		if !id.MatchString(r.ID) || !level.MatchString(r.Level) || !observed.MatchString(r.Observed) || !priority.MatchString(r.Priority) {
			t.Errorf("malformed row %+v", r)
		}
		if n := len(strings.Fields(r.Text)); n == 0 || n > 12 || strings.Contains(r.Text, "|") {
			t.Errorf("%s: text of %d words: %q", r.ID, n, r.Text)
		}
	}
	if perP["1"] != 180 || perP["2"] != 138 || perP["3"] != 104 || perP["-"] != 38 {
		t.Errorf("rows by priority %v", perP)
	}
}
