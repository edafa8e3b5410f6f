import com.sun.management.OperatingSystemMXBean;
import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.InputStreamReader;
import java.lang.management.ManagementFactory;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;

/** The KCL's own AggregatorUtil, called with a page and a shard's range, as its ShardConsumer calls it. */
public final class Kcl {
    /** All hash keys but the last. */
    private static final String START = "0";
    private static final String END = BigInteger.TWO.pow(128).subtract(BigInteger.TWO).toString();
    private static final Instant ARRIVAL = Instant.ofEpochSecond(1_500_000_000L);
    private static final AggregatorUtil UTIL = new AggregatorUtil();
    /** What was read is used, or the compiler could leave it out. */
    private static volatile long used;

    public static void main(String[] args) throws Exception {
        System.out.println("KCL " + System.getProperty("peer.version") + " (AggregatorUtil), Java " + Runtime.version());
        OperatingSystemMXBean system = (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
        Map<String, List<byte[]>> pages = new HashMap<>();
        BufferedReader requests = new BufferedReader(new InputStreamReader(System.in));
        for (String line = requests.readLine(); line != null; line = requests.readLine()) {
            String[] words = line.split(" ");
            if (!pages.containsKey(words[1])) {
                pages.put(words[1], page(Path.of(args[0], words[1] + ".records")));
            }
            List<byte[]> page = pages.get(words[1]);
            int repeats = Integer.parseInt(words[2]);
            int count = 0;
            long start = system.getProcessCpuTime();
            for (int i = 0; i < repeats; i++) {
                count = read(page);
            }
            System.out.println(system.getProcessCpuTime() - start + " " + count);
        }
    }

    private static int read(List<byte[]> page) {
        List<KinesisClientRecord> records = new ArrayList<>(page.size());
        for (byte[] data : page) {
            records.add(KinesisClientRecord.builder()
                    .sequenceNumber("49671246667567228643283430150187087032206582658070609922")
                    .approximateArrivalTimestamp(ARRIVAL)
                    .partitionKey("a")
                    .data(ByteBuffer.wrap(data))
                    .build());
        }
        List<KinesisClientRecord> read = UTIL.deaggregate(records, START, END);
        long sum = 0;
        for (KinesisClientRecord record : read) {
            sum += record.partitionKey().length() + record.data().remaining();
        }
        used = sum;
        return read.size();
    }

    private static List<byte[]> page(Path file) throws Exception {
        List<byte[]> page = new ArrayList<>();
        try (DataInputStream in = new DataInputStream(Files.newInputStream(file))) {
            for (int left = in.readInt(); left > 0; left--) {
                page.add(in.readNBytes(in.readInt()));
            }
        }
        return page;
    }
}
