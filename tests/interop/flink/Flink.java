import java.util.Date;
import java.util.List;
import org.apache.flink.kinesis.shaded.com.amazonaws.services.kinesis.clientlibrary.types.UserRecord;
import org.apache.flink.kinesis.shaded.com.amazonaws.services.kinesis.model.HashKeyRange;
import org.apache.flink.kinesis.shaded.com.amazonaws.services.kinesis.model.Record;
import org.apache.flink.kinesis.shaded.com.amazonaws.services.kinesis.model.Shard;
import org.apache.flink.streaming.connectors.kinesis.internals.publisher.RecordBatch;
import org.apache.flink.streaming.connectors.kinesis.model.StreamShardHandle;

/** Flink's FlinkKinesisConsumer: the RecordBatch that it makes of what a shard gave, with that shard's range. */
public final class Flink implements Wire.Peer {
    private static final Date ARRIVAL = new Date(1_500_000_000_000L);

    public static void main(String[] args) throws Exception {
        Wire.serve(new Flink());
    }

    @Override
    public String hello() throws Exception {
        return "flink " + System.getProperty("peer.version");
    }

    @Override
    public void read(Wire.Request request, Wire.Answer answer) {
        if (!request.hasRange()) {
            throw new UnsupportedOperationException("Flink always gives the range of the shard");
        }
        HashKeyRange range = new HashKeyRange()
                .withStartingHashKey(request.start())
                .withEndingHashKey(request.end());
        Shard shard = new Shard().withShardId("shardId-000000000000").withHashKeyRange(range);
        Record record = new Record()
                .withSequenceNumber("1")
                .withApproximateArrivalTimestamp(ARRIVAL)
                .withPartitionKey(request.partitionKey())
                .withData(request.data());
        RecordBatch batch = new RecordBatch(List.of(record), new StreamShardHandle("stream", shard), 0L);
        for (UserRecord r : batch.getDeaggregatedRecords()) {
            answer.add(r.getPartitionKey(), r.getExplicitHashKey(), r.getSubSequenceNumber(), r.isAggregated(), r.getData());
        }
    }
}
