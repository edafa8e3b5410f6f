import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/** KCL 2.x and 3.x: their own AggregatorUtil, called as their ShardConsumer calls it. */
public final class Kcl2 implements Wire.Peer {
    private static final Instant ARRIVAL = Instant.ofEpochSecond(1_500_000_000L);
    private final AggregatorUtil util = new AggregatorUtil();

    public static void main(String[] args) throws Exception {
        Wire.serve(new Kcl2());
    }

    @Override
    public String hello() throws Exception {
        return "kcl " + System.getProperty("peer.version");
    }

    @Override
    public void read(Wire.Request request, Wire.Answer answer) {
        KinesisClientRecord record = KinesisClientRecord.builder()
                .sequenceNumber("1")
                .approximateArrivalTimestamp(ARRIVAL)
                .partitionKey(request.partitionKey())
                .data(request.data())
                .build();
        List<KinesisClientRecord> records = new ArrayList<>(List.of(record));
        List<KinesisClientRecord> read = request.hasRange()
                ? util.deaggregate(records, request.start(), request.end())
                : util.deaggregate(records);
        for (KinesisClientRecord r : read) {
            answer.add(r.partitionKey(), r.explicitHashKey(), r.subSequenceNumber(), r.aggregated(), r.data());
        }
    }
}
