package kinesisaggregation

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// read gives user records as KEY:DATA, losses as their messages.
func read(t testing.TB, reader *Reader, options Options, records ...Record) []string {
	t.Helper()
	all, err := reader.Deaggregate(ctx, records, options)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for record, loss := range all {
		if loss != nil {
			lines = append(lines, loss.Error())
		} else {
			lines = append(lines, record.PartitionKey+":"+string(record.Data))
		}
	}
	return lines
}

func expect(t testing.TB, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// frame puts a body into a frame, with the right digest.
func frame(body string) []byte {
	digest := md5.Sum([]byte(body))
	return append([]byte("\xf3\x89\x9a\xc2"+body), digest[:]...)
}

func TestWhatTheRealKPLPut(t *testing.T) {
	reader := newReader(t)
	all := vectors(t, "kpl.json", "kpl-more.json")
	for _, v := range all {
		var got, want []string
		for _, r := range v.KinesisRecords {
			options := Options{HashKeyRange: r.HashRange[0] + "-" + r.HashRange[1]}
			got = append(got, read(t, reader, options, Record{PartitionKey: r.PartitionKey, Data: r.Data})...)
		}
		for _, put := range v.Put {
			if put.Refused == nil || put.Refused == false {
				want = append(want, put.PartitionKey+":"+string(put.Data))
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d user records, want %d", v.Name, len(got), len(want))
		}
	}
	if len(all) < 60 {
		t.Errorf("%d cases", len(all))
	}
}

func TestLossesAndOptions(t *testing.T) {
	reader := newReader(t)
	bad := Record{SequenceNumber: "7", Data: frame("\x0a\x01a\x1a\x05\x08\x00\x1a\x01x\x1a\x05\x08\x05\x1a\x01y\x1a\x05\x08\x00\x1a\x01z")}
	message := "user record 1 of Kinesis record 0, at byte 14: its partition key index 5 is beyond the table's 1 entries"
	expect(t, read(t, reader, Options{}, bad), "a:x", message)
	expect(t, read(t, reader, Options{Salvage: true}, bad), "a:x", message, "a:z")
	expect(t, read(t, reader, Options{After: Position("7", 1), Salvage: true}, bad), "a:z")
	expect(t, read(t, reader, Options{After: "7"}, bad))
	lines := read(t, reader, Options{HashKeyRange: "0-1"}, bad)
	expect(t, lines, "user record 0 of Kinesis record 0, at byte 7: its hash key is outside the shard's hash key range")
	expect(t, read(t, reader, Options{HashKeyRange: "0-1"}, Record{PartitionKey: "k", Data: []byte("plain")}), "k:plain")

	all, err := reader.Deaggregate(ctx, []Record{bad}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, loss := range all {
		if loss != nil && (loss.Kind != PartitionKeyIndex || loss.Start != 1 || loss.End != 3) {
			t.Errorf("%+v", loss)
		}
	}
	for range all {
		break // Stopping early is fine, and so is starting again.
	}
}

func TestKeysThatAreNotASCII(t *testing.T) {
	reader := newReader(t)
	body := "\x0a\x02\xc3\xbc\x0a\x04\xf0\x9f\x98\x80\x0a\x01k\x0a\x01\xff" +
		"\x1a\x05\x08\x00\x1a\x01a\x1a\x05\x08\x01\x1a\x01b\x1a\x05\x08\x02\x1a\x01c\x1a\x05\x08\x03\x1a\x01d"
	expect(t, read(t, reader, Options{}, Record{Data: frame(body)}), "ü:a", "😀:b", "k:c", "\uFFFD:d")
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	reader := newReader(t)
	for _, options := range []Options{{HashKeyRange: "9-0"}, {HashKeyRange: "x"}, {After: "x"}} {
		if _, err := reader.Deaggregate(ctx, nil, options); err == nil {
			t.Errorf("%+v is no error", options)
		}
	}
	expect(t, read(t, reader, Options{}, Record{Data: []byte("x")}), ":x")
	if _, err := reader.Deaggregate(ctx, []Record{{Data: make([]byte, 300<<20)}}, Options{}); err == nil {
		t.Error("300 MiB are no error")
	}
}

func TestMutatedRecords(t *testing.T) {
	reader := newReader(t)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	body := "\x0a\x01a\x0a\x02bb\x12\x011" + "\x1a\x07\x08\x00\x10\x00\x1a\x01x\x1a\x06\x08\x01\x1a\x02yy\x1a\x04\x08\x00\x1a\x00"
	for range 10_000 {
		bytes := []byte(body)
		for range 1 + random.IntN(4) {
			bytes[random.IntN(len(bytes))] = byte(random.IntN(256))
		}
		data := frame(string(bytes[:random.IntN(len(bytes)+1)]))
		if random.IntN(8) == 0 {
			data = data[:random.IntN(len(data)+1)]
		}
		options := Options{Salvage: random.IntN(2) == 0, SalvageDamaged: random.IntN(2) == 0}
		if lines := read(t, reader, options, Record{Data: data}); len(lines) > 20 {
			t.Fatalf("%d lines of %x", len(lines), data)
		}
	}
}

func TestDamagedAggregates(t *testing.T) {
	reader := newReader(t)
	good := Record{Data: frame("\x0a\x01a\x1a\x05\x08\x00\x1a\x01x\x1a\x05\x08\x00\x1a\x01y")}
	changed := Record{Data: bytes.Replace(good.Data, []byte("x"), []byte("z"), 1)}
	cut := Record{Data: good.Data[:len(good.Data)-18]}
	damaged := Options{SalvageDamaged: true}
	expect(t, read(t, reader, damaged, good), "a:x", "a:y")
	expect(t, read(t, reader, Options{Salvage: true}, changed), ":"+string(changed.Data))
	message := "user record 0 of Kinesis record 0, at byte 7: the digest over it and the others is wrong, so any byte may be"
	expect(t, read(t, reader, damaged, changed), message, "a:z", "a:y")
	message = "user record 1 of Kinesis record 0, at byte 15: the message is cut short or malformed there"
	expect(t, read(t, reader, damaged, cut), "a:x", message)

	all, err := reader.Deaggregate(ctx, []Record{good, changed, cut, {Data: []byte("plain")}}, damaged)
	if err != nil {
		t.Fatal(err)
	}
	var kinds []LossKind
	for record, loss := range all {
		switch {
		case loss != nil:
			kinds = append(kinds, loss.Kind)
		case record.Damaged != (record.RecordIndex == 1 || record.RecordIndex == 2):
			t.Errorf("Kinesis record %d: %v", record.RecordIndex, record.Damaged)
		}
	}
	if !slices.Equal(kinds, []LossKind{DigestMismatch, Malformed}) {
		t.Error(kinds)
	}
}

func TestManyGoroutines(t *testing.T) {
	reader := newReader(t)
	var group sync.WaitGroup
	for n := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			key := string(rune('a' + n))
			record := Record{Data: frame("\x0a\x01" + key + "\x1a\x05\x08\x00\x1a\x01x")}
			for range 200 {
				expect(t, read(t, reader, Options{}, record, record), key+":x", key+":x")
			}
		}()
	}
	group.Wait()
}

func BenchmarkDeaggregate(b *testing.B) {
	reader := newReader(b)
	body := []byte("\x0a\x03key")
	for range 220 {
		inner := append([]byte("\x08\x00\x1a\xc8\x01"), make([]byte, 200)...)
		body = append(binary.AppendUvarint(append(body, 0x1a), uint64(len(inner))), inner...)
	}
	records := slices.Repeat([]Record{{Data: frame(string(body))}}, 100)
	count := 0
	for b.Loop() {
		all, err := reader.Deaggregate(ctx, records, Options{})
		if err != nil {
			b.Fatal(err)
		}
		for record := range all {
			count += len(record.Data) / 200
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(count), "ns/user-record")
}
