package kinesisaggregation

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
)

const half = "170141183460469231731687303715884105728"

// written fails the test if a user record is refused.
func written(t testing.TB, writer *Writer, options AggregateOptions, records ...PutRecord) []KinesisRecord {
	t.Helper()
	kinesisRecords, refusals, err := writer.Aggregate(ctx, records, options)
	if err != nil || len(refusals) > 0 {
		t.Fatal(err, refusals)
	}
	return kinesisRecords
}

func TestTheBytesOfTheKPL(t *testing.T) {
	reader, writer := newReader(t), newWriter(t)
	compared := 0
	for _, v := range vectors(t, "kpl.json") {
		for _, r := range v.KinesisRecords {
			all, err := reader.Deaggregate(ctx, []Record{{Data: r.Data}}, Options{})
			if err != nil {
				t.Fatal(err)
			}
			var put []PutRecord
			for record, loss := range all {
				if loss == nil && record.Aggregated {
					put = append(put, PutRecord{record.PartitionKey, record.ExplicitHashKey, record.Data})
				}
			}
			if len(put) < 2 {
				continue
			}
			got := written(t, writer, AggregateOptions{MixingShards: true}, put...)
			if len(got) != 1 || !bytes.Equal(got[0].Data, r.Data) || got[0].PartitionKey != r.PartitionKey ||
				got[0].ExplicitHashKey != r.ExplicitHashKey || got[0].UserRecords != len(put) {
				t.Errorf("%s: %d Kinesis records", v.Name, len(got))
			}
			compared++
		}
	}
	if compared < 5 {
		t.Errorf("%d compared", compared)
	}
}

func TestNoAggregateSpansTwoShards(t *testing.T) {
	reader, writer := newReader(t), newWriter(t)
	var records []PutRecord
	for n := range 100 {
		records = append(records, PutRecord{PartitionKey: fmt.Sprint(n % 50), Data: []byte("x")})
	}
	if got := written(t, writer, AggregateOptions{}, records...); len(got) != 50 {
		t.Errorf("%d Kinesis records of 50 keys", len(got))
	}
	if got := written(t, writer, AggregateOptions{MixingShards: true}, records...); len(got) != 1 {
		t.Errorf("%d Kinesis records", len(got))
	}
	ranges := []string{"0-170141183460469231731687303715884105727", half + "-340282366920938463463374607431768211455"}
	shards := []Shard{{ID: "1", HashKeyRange: ranges[0]}, {ID: "2", HashKeyRange: ranges[1]}, {ID: "0", HashKeyRange: full, Closed: true}}
	got := written(t, writer, AggregateOptions{Shards: shards}, records...)
	if len(got) != 2 {
		t.Fatalf("%d Kinesis records of 2 shards", len(got))
	}
	count := 0
	for n, record := range got {
		for _, line := range read(t, reader, Options{HashKeyRange: ranges[n]}, Record{Data: record.Data}) {
			if !strings.HasSuffix(line, ":x") {
				t.Error(line)
			}
			count++
		}
	}
	if count != 100 {
		t.Errorf("%d user records", count)
	}
}

const full = "0-340282366920938463463374607431768211455"

func TestRefusals(t *testing.T) {
	writer := newWriter(t)
	good := PutRecord{PartitionKey: "k", Data: []byte("x")}
	records := []PutRecord{
		{PartitionKey: "\xff"}, good, {}, {PartitionKey: "k", ExplicitHashKey: "-1"}, good,
		{PartitionKey: "k", ExplicitHashKey: "\xff"}, {PartitionKey: "k", Data: make([]byte, 1<<20)},
	}
	got, refusals, err := writer.Aggregate(ctx, records, AggregateOptions{})
	if err != nil || len(got) != 1 || got[0].UserRecords != 2 {
		t.Fatal(err, len(got))
	}
	want := []string{"0 its partition key is not UTF-8", "2 its partition key has 0 characters", "3 its explicit hash key",
		"5 its explicit hash key is not UTF-8", "6 its Kinesis record would have"}
	for n, refusal := range refusals {
		if line := fmt.Sprint(refusal.Index, " ", refusal.Reason); n >= len(want) || !strings.HasPrefix(line, want[n]) {
			t.Error(line)
		}
	}
	if len(refusals) != len(want) {
		t.Errorf("%d refusals", len(refusals))
	}
}

func TestWritingOptions(t *testing.T) {
	writer := newWriter(t)
	two := []PutRecord{{PartitionKey: "k", Data: []byte("1")}, {PartitionKey: "k", Data: []byte("2")}}
	for key, options := range map[string]AggregateOptions{"a": {}, "mine": {OuterKey: "mine"}, "k": {OuterKeyFirst: true}} {
		if got := written(t, writer, options, two...); len(got) != 1 || got[0].PartitionKey != key {
			t.Errorf("%+v", options)
		}
	}
	if got := written(t, writer, AggregateOptions{MaxCount: 1}, two...); len(got) != 2 || string(got[0].Data) != "1" {
		t.Errorf("%d Kinesis records", len(got))
	}
	for _, options := range []AggregateOptions{
		{MaxSize: -1}, {MaxSize: 1 << 20}, {MaxRecordSize: 11 << 20}, {OuterKey: strings.Repeat("k", 257)}, {OuterKey: "\xff"},
		{Shards: []Shard{}}, {Shards: []Shard{{ID: "x", HashKeyRange: "1-2"}}}, {Shards: []Shard{{ID: "x", HashKeyRange: "x"}}},
		{Shards: []Shard{{ID: "x", HashKeyRange: full}}, MixingShards: true}, {OuterKey: "k", OuterKeyFirst: true},
	} {
		if _, _, err := writer.Aggregate(ctx, two, options); err == nil {
			t.Errorf("%+v is no error", options)
		}
	}
	if _, _, err := writer.Aggregate(ctx, []PutRecord{{PartitionKey: "k", Data: make([]byte, 300<<20)}}, AggregateOptions{}); err == nil {
		t.Error("300 MiB are no error")
	}
	written(t, writer, AggregateOptions{}, two...)
}

// An instance has a mebibyte or more.
func TestCallsThatFailLeaveNoInstance(t *testing.T) {
	reader, writer := newReader(t), newWriter(t)
	for range 300 {
		if _, err := reader.Deaggregate(ctx, nil, Options{After: "x"}); err == nil {
			t.Fatal("no error")
		}
		if _, _, err := writer.Aggregate(ctx, nil, AggregateOptions{MaxSize: 1 << 20}); err == nil {
			t.Fatal("no error")
		}
	}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	if memory.HeapAlloc > 100<<20 {
		t.Errorf("%d bytes are in use", memory.HeapAlloc)
	}
}

func TestManyGoroutinesWrite(t *testing.T) {
	writer := newWriter(t)
	var group sync.WaitGroup
	for n := range 8 {
		group.Add(1)
		go func() {
			defer group.Done()
			key := string(rune('a' + n))
			for range 200 {
				got, _, err := writer.Aggregate(ctx, []PutRecord{{PartitionKey: key}, {PartitionKey: key}}, AggregateOptions{OuterKeyFirst: true})
				if err != nil || len(got) != 1 || got[0].PartitionKey != key {
					t.Error(err, len(got))
					return
				}
			}
		}()
	}
	group.Wait()
}
