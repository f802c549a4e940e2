package exabgp

import (
	"bufio"
	"encoding/json"
	"io"
	"strings"

	"github.com/xbfd/xbfd/internal/config"
)

// command returns what makes ExaBGP announce or withdraw a route, a line of its
// text API.
func command(t told, r *config.ExaBGPRoute) string {
	var b strings.Builder
	for i, n := range r.Neighbors {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("neighbor " + n.String())
	}
	if b.Len() > 0 {
		b.WriteByte(' ')
	}
	verb := "announce"
	if t == withdrawn {
		verb = "withdraw"
	}
	b.WriteString(verb + " route " + r.Prefix.String() + " next-hop " + r.NextHop)
	if r.Attributes != "" {
		b.WriteString(" " + r.Attributes)
	}
	return b.String() + "\n"
}

// answer is what a line from ExaBGP means to us.
type answer uint8

const (
	other    answer = iota // such as a message of a neighbor
	done                   // the command was taken
	refusal                // it was not
	shutdown               // ExaBGP ends
)

var answers = map[string]answer{"done": done, "error": refusal, "shutdown": shutdown}

// understand reads a line that ExaBGP writes with its text or its JSON encoder.
func understand(line string) answer {
	line = strings.TrimSpace(line)
	if !strings.HasPrefix(line, "{") {
		word, rest, _ := strings.Cut(line, " ")
		if rest != "" && word != "shutdown" { // which is followed by process ids
			return other
		}
		return answers[word]
	}
	var m struct {
		Answer       string `json:"answer"` // of ExaBGP 5
		Notification string `json:"notification"`
	}
	// Of other messages, in which the keys hold something else, nothing is needed.
	if json.Unmarshal([]byte(line), &m) != nil {
		return other
	}
	if m.Notification == "shutdown" {
		return shutdown
	}
	return answers[m.Answer]
}

// maxLine is how much of a line is looked at: what we wait for is shorter.
const maxLine = 4096

// listen sends what ExaBGP answers to a channel, which it closes at the end of in,
// until somebody ends it.
func listen(in io.Reader, to chan<- answer, end <-chan struct{}) {
	defer close(to)
	lines := bufio.NewReaderSize(in, maxLine)
	for {
		line, err := lines.ReadSlice('\n')
		for long := err; long == bufio.ErrBufferFull; {
			_, long = lines.ReadSlice('\n')
			line, err = nil, long
		}
		if a := understand(string(line)); a != other {
			select {
			case to <- a:
			case <-end:
				return
			}
		}
		if err != nil {
			return
		}
	}
}
