// Command peer puts this module behind the protocol of tests/interop/README.md.
package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	aggregation "kinesisaggregation"
)

const null = ^uint32(0)

// full is the KCL's range where it does not know the shard's, which is what the run compares with.
const full = "0-340282366920938463463374607431768211455"

func bytesOf(out []byte, value []byte) []byte {
	return append(binary.BigEndian.AppendUint32(out, uint32(len(value))), value...)
}

// request takes fields off a request.
type request []byte

func (r *request) take(length int) []byte {
	head := (*r)[:length]
	*r = (*r)[length:]
	return head
}

func (r *request) text16() string {
	return string(r.take(int(binary.BigEndian.Uint16(r.take(2)))))
}

func (r *request) nullable() ([]byte, bool) {
	length := binary.BigEndian.Uint32(r.take(4))
	if length == null {
		return nil, false
	}
	return r.take(int(length)), true
}

func answer(ctx context.Context, reader *aggregation.Reader, writer *aggregation.Writer, body []byte) []byte {
	r := request(body)
	var items []byte
	var said []string
	var count uint32
	var err error
	if r.take(1)[0] == 0 {
		items, count, said, err = read(ctx, reader, r)
	} else {
		items, count, said, err = write(ctx, writer, r)
	}
	if err != nil {
		return append(bytesOf([]byte{1}, []byte(err.Error())), 0, 0, 0, 0)
	}
	head := []byte{0}
	if len(said) > 0 {
		head = bytesOf([]byte{2}, []byte(strings.Join(said, "\n")))
	}
	return append(binary.BigEndian.AppendUint32(head, count), items...)
}

// write packs user records; those that are refused come as a text, one line each.
func write(ctx context.Context, writer *aggregation.Writer, r request) (items []byte, count uint32, refused []string, err error) {
	options := aggregation.AggregateOptions{MixingShards: true, MaxSize: int(binary.BigEndian.Uint32(r.take(4)))}
	var records []aggregation.PutRecord
	for range binary.BigEndian.Uint32(r.take(4)) {
		key, _ := r.nullable()
		hashKey, _ := r.nullable()
		data, _ := r.nullable()
		records = append(records, aggregation.PutRecord{PartitionKey: string(key), ExplicitHashKey: string(hashKey), Data: data})
	}
	written, refusals, err := writer.Aggregate(ctx, records, options)
	for _, record := range written {
		items = bytesOf(items, []byte(record.PartitionKey))
		items = bytesOf(items, []byte(record.ExplicitHashKey))
		items = bytesOf(items, record.Data)
	}
	for _, refusal := range refusals {
		refused = append(refused, fmt.Sprintf("%d: %s", refusal.Index, refusal.Reason))
	}
	return items, uint32(len(written)), refused, err
}

// read opens a Kinesis record; losses come as a text, one line each.
func read(ctx context.Context, reader *aggregation.Reader, r request) (items []byte, count uint32, losses []string, err error) {
	hasRange := r.take(1)[0] == 1
	options := aggregation.Options{HashKeyRange: full}
	if ends := r.text16() + "-" + r.text16(); hasRange {
		options.HashKeyRange = ends
	}
	partitionKey, hasKey := r.nullable()
	data, _ := r.nullable()
	record := aggregation.Record{PartitionKey: string(partitionKey), SequenceNumber: "1", Data: data}
	records, err := reader.Deaggregate(ctx, []aggregation.Record{record}, options)
	if err != nil {
		return nil, 0, nil, err
	}
	for user, loss := range records {
		if loss != nil {
			losses = append(losses, loss.Error())
			continue
		}
		count++
		if user.Aggregated || hasKey {
			items = bytesOf(items, []byte(user.PartitionKey))
		} else {
			items = binary.BigEndian.AppendUint32(items, null)
		}
		if user.HasExplicitHashKey {
			items = bytesOf(items, []byte(user.ExplicitHashKey))
		} else {
			items = binary.BigEndian.AppendUint32(items, null)
		}
		items = binary.BigEndian.AppendUint64(items, uint64(user.SubSequenceNumber))
		if user.Aggregated {
			items = append(items, 1)
		} else {
			items = append(items, 0)
		}
		items = bytesOf(items, user.Data)
	}
	return items, count, losses, nil
}

func serve() error {
	ctx := context.Background()
	reader, err := aggregation.NewReader(ctx)
	if err != nil {
		return err
	}
	defer reader.Close(ctx)
	writer, err := aggregation.NewWriter(ctx)
	if err != nil {
		return err
	}
	defer writer.Close(ctx)
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	out.Write(bytesOf(nil, fmt.Appendf(nil, "kinesis-aggregation (Go module), %s", runtime.Version())))
	for {
		if in.Buffered() == 0 {
			out.Flush()
		}
		var length uint32
		if err := binary.Read(in, binary.BigEndian, &length); err == io.EOF {
			return out.Flush()
		} else if err != nil {
			return err
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(in, body); err != nil {
			return err
		}
		out.Write(bytesOf(nil, answer(ctx, reader, writer, body)))
	}
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
