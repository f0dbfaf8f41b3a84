// Verifies what a log hands out, by code of others: torchwood (proofs under a witness policy, every entry from its tiles) and
// transparency-dev/formats (cosignatures of both kinds).
//
// usage: verify proof -policy file -proof file -leaf file
//
//	verify cosigned -log vkey -checkpoint file <witness vkey>...
//	verify log -url http://host/log/tenant -token <bearer> -log vkey [-since file]
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"

	"filippo.io/torchwood"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var (
	flags      = flag.NewFlagSet("verify", flag.ExitOnError)
	policyFile = flags.String("policy", "", "file with log, witnesses and quorum")
	proofFile  = flags.String("proof", "", "file with a tlog-proof")
	leafFile   = flags.String("leaf", "", "file with the leaf's bytes")
	logKey     = flags.String("log", "", "verifier key of the log")
	checkpoint = flags.String("checkpoint", "", "file with a checkpoint")
	url        = flags.String("url", "", "prefix of the log")
	token      = flags.String("token", "", "bearer token")
	since      = flags.String("since", "", "file with an older checkpoint")
)

func main() {
	check(flags.Parse(os.Args[2:]))
	switch os.Args[1] {
	case "proof":
		policy, err := torchwood.ParsePolicy(read(*policyFile))
		check(err)
		check(torchwood.VerifyProof(policy, tlog.RecordHash(read(*leafFile)), read(*proofFile)))
		fmt.Println("ok")
	case "cosigned":
		cosigned(read(*checkpoint), flags.Args())
	case "log":
		whole()
	}
}

// cosigned requires a valid cosignature of each key.
func cosigned(text []byte, vkeys []string) {
	verifiers := []note.Verifier{logVerifier()}
	for _, vkey := range vkeys {
		verifier, err := f_note.NewVerifierForCosignatureV1(vkey)
		check(err)
		verifiers = append(verifiers, verifier)
	}
	signed, err := note.Open(text, note.VerifierList(verifiers...))
	check(err)
	if len(signed.Sigs) != len(verifiers) {
		fail(fmt.Sprintf("%d of %d keys signed", len(signed.Sigs), len(verifiers)))
	}
	fmt.Printf("ok: %d cosignatures\n", len(vkeys))
}

// whole reads every entry from its bundle against the newest checkpoint, which must extend the older one.
func whole() {
	ctx := context.Background()
	client := &http.Client{Transport: bearer{}}
	fetcher, err := torchwood.NewTileFetcher(*url, torchwood.WithHTTPClient(client))
	check(err)
	signed, err := fetcher.ReadEndpoint(ctx, "checkpoint")
	check(err)
	tree := open(signed)
	if *since != "" {
		old := open(read(*since))
		if old.N > tree.N {
			fail(fmt.Sprintf("the log shrank from %d to %d", old.N, tree.N))
		}
		reader := torchwood.TileHashReaderWithContext(ctx, tree, fetcher)
		proof, err := tlog.ProveTree(tree.N, old.N, reader)
		check(err)
		check(tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash))
	}
	log, err := torchwood.NewClient(fetcher)
	check(err)
	next := int64(0)
	for index := range log.AllEntries(ctx, tree, 0) {
		if index != next {
			fail("an entry is missing")
		}
		next++
	}
	check(log.Err())
	if next != tree.N {
		fail(fmt.Sprintf("%d of %d entries", next, tree.N))
	}
	fmt.Printf("ok: %d entries\n", next)
}

func open(signed []byte) tlog.Tree {
	opened, err := note.Open(signed, note.VerifierList(logVerifier()))
	check(err)
	parsed, err := torchwood.ParseCheckpoint(opened.Text)
	check(err)
	if parsed.Origin != logVerifier().Name() {
		fail("another log's checkpoint")
	}
	return parsed.Tree
}

func logVerifier() note.Verifier {
	verifier, err := note.NewVerifier(strings.TrimSpace(*logKey))
	check(err)
	return verifier
}

type bearer struct{}

func (bearer) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.Header.Set("Authorization", "Bearer "+*token)
	return http.DefaultTransport.RoundTrip(request)
}

func read(file string) []byte {
	content, err := os.ReadFile(file)
	check(err)
	return content
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
