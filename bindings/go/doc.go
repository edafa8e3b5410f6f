// Package kinesisaggregation reads the record format of the Amazon Kinesis Producer Library (KPL) exactly as the Kinesis
// Client Library (KCL) does, and says what the KCL would lose; it writes it exactly as the KPL does. It is the Rust library
// kinesis-aggregation, compiled to WebAssembly and run by wazero: no cgo.
//
//	reader, err := kinesisaggregation.NewReader(ctx)
//	if err != nil {
//		return err
//	}
//	defer reader.Close(ctx)
//	records, err := reader.Deaggregate(ctx, page, kinesisaggregation.Options{})
//	if err != nil {
//		return err
//	}
//	for record, loss := range records {
//		if loss != nil {
//			log.Print(loss)
//			continue
//		}
//		fmt.Println(record.PartitionKey, len(record.Data))
//	}
//
// [Writer.Aggregate] packs user records, so that none of its Kinesis records spans two shards.
package kinesisaggregation
