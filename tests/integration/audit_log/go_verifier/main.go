// Verifies a log as a stranger does, with nothing but its verifier key and golang.org/x/mod (sumdb/note, sumdb/tlog):
// the proof of one entry, the newest checkpoint, that the proof's tree is a prefix of it, and every leaf hash of every
// entry bundle, read from tiles that tlog authenticates against the signed root.
//
// usage: verifier -url http://host/log/tenant -token <bearer> -vkey <vkey> -proof file -leaf file
package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

var (
	url   = flag.String("url", "", "prefix of the log")
	token = flag.String("token", "", "bearer token")
	vkey  = flag.String("vkey", "", "verifier key")
	proof = flag.String("proof", "", "file with a tlog-proof")
	leaf  = flag.String("leaf", "", "file with the leaf's bytes")
)

func main() {
	flag.Parse()
	verifier, err := note.NewVerifier(*vkey)
	check(err)

	text, err := os.ReadFile(*proof)
	check(err)
	entry, err := os.ReadFile(*leaf)
	check(err)
	old, index := checkProof(text, entry, verifier)

	tree := open(get("/checkpoint", "text/plain; charset=utf-8"), verifier)
	reader := tlog.TileHashReader(tree, tiles{})
	consistency, err := tlog.ProveTree(tree.N, old.N, reader)
	check(err)
	check(tlog.CheckTree(consistency, tree.N, tree.Hash, old.N, old.Hash))
	record, err := tlog.ProveRecord(tree.N, index, reader)
	check(err)
	check(tlog.CheckRecord(record, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	checkEntries(tree, reader)
	fmt.Printf("ok: entry %d, trees of %d and %d\n", index, old.N, tree.N)
}

// checkProof verifies a C2SP tlog-proof, and gives the tree it was made against.
func checkProof(text, entry []byte, verifier note.Verifier) (tlog.Tree, int64) {
	head, checkpoint, found := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	if !found || lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a tlog-proof")
	}
	lines = lines[1:]
	if strings.HasPrefix(lines[0], "extra ") {
		lines = lines[1:]
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[0], "index "), 10, 64)
	check(err)
	var path tlog.RecordProof
	for _, line := range lines[1:] {
		hash, err := tlog.ParseHash(line)
		check(err)
		path = append(path, hash)
	}
	tree := open(checkpoint, verifier)
	check(tlog.CheckRecord(path, tree.N, tree.Hash, index, tlog.RecordHash(entry)))
	return tree, index
}

func open(checkpoint []byte, verifier note.Verifier) tlog.Tree {
	signed, err := note.Open(checkpoint, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(signed.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() || lines[3] != "" {
		fail("not a checkpoint of this log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	hash, err := tlog.ParseHash(lines[2])
	check(err)
	return tlog.Tree{N: size, Hash: hash}
}

// checkEntries compares every entry of every bundle with its leaf hash.
func checkEntries(tree tlog.Tree, reader tlog.HashReader) {
	for start := int64(0); start < tree.N; start += 1 << height {
		width := min(tree.N-start, 1<<height)
		tile := tlog.Tile{H: height, L: -1, N: start >> height, W: int(width)}
		bundle := get(strings.Replace(tile.Path(), "tile/8/data", "/tile/entries", 1), "application/octet-stream")
		var wanted []int64
		for i := start; i < start+width; i++ {
			wanted = append(wanted, tlog.StoredHashIndex(0, i))
		}
		hashes, err := reader.ReadHashes(wanted)
		check(err)
		for i, hash := range hashes {
			size := int(binary.BigEndian.Uint16(bundle))
			if tlog.RecordHash(bundle[2:2+size]) != hash {
				fail(fmt.Sprintf("entry %d is not the one in the tree", start+int64(i)))
			}
			bundle = bundle[2+size:]
		}
		if len(bundle) != 0 {
			fail("a bundle goes on after its last entry")
		}
	}
}

// tiles reads C2SP tiles, whose paths leave out the height that tlog's own paths name.
type tiles struct{}

func (tiles) Height() int { return height }

func (tiles) ReadTiles(wanted []tlog.Tile) ([][]byte, error) {
	var found [][]byte
	for _, tile := range wanted {
		found = append(found, get(strings.Replace(tile.Path(), "tile/8/", "/tile/", 1), "application/octet-stream"))
	}
	return found, nil
}

func (tiles) SaveTiles([]tlog.Tile, [][]byte) {}

func get(path, contentType string) []byte {
	request, err := http.NewRequest("GET", *url+path, nil)
	check(err)
	request.Header.Set("Authorization", "Bearer "+*token)
	answer, err := http.DefaultClient.Do(request)
	check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	check(err)
	if answer.StatusCode != 200 || answer.Header.Get("Content-Type") != contentType {
		fail(fmt.Sprintf("%s: %s, %s", path, answer.Status, answer.Header.Get("Content-Type")))
	}
	return body
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
