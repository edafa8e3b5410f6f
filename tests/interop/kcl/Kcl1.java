import com.amazonaws.services.kinesis.clientlibrary.types.UserRecord;
import com.amazonaws.services.kinesis.model.Record;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;

/** KCL 1.x: UserRecord.deaggregate, which takes the range as numbers. */
public final class Kcl1 implements Wire.Peer {
    private static final Date ARRIVAL = new Date(1_500_000_000_000L);

    public static void main(String[] args) throws Exception {
        Wire.serve(new Kcl1());
    }

    @Override
    public String hello() throws Exception {
        return "kcl " + System.getProperty("peer.version");
    }

    @Override
    public void read(Wire.Request request, Wire.Answer answer) {
        Record record = new Record()
                .withSequenceNumber("1")
                .withApproximateArrivalTimestamp(ARRIVAL)
                .withPartitionKey(request.partitionKey())
                .withData(request.data());
        List<Record> records = new ArrayList<>(List.of(record));
        List<UserRecord> read = request.hasRange()
                ? UserRecord.deaggregate(records, request.startingHashKey(), request.endingHashKey())
                : UserRecord.deaggregate(records);
        for (UserRecord r : read) {
            answer.add(r.getPartitionKey(), r.getExplicitHashKey(), r.getSubSequenceNumber(), r.isAggregated(), r.getData());
        }
    }
}
