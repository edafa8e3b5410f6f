import com.google.common.util.concurrent.ListenableFuture;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * The real KPL with its daemon, told what to put: "capture PORT [SETTING=VALUE]..." by lines on stdin (see capture),
 * "rate 127.0.0.1 PORT STREAM COUNT RATE [SETTING=VALUE]..." as a putter of the split scenario (see split), and
 * "load PORT COUNT [SETTING=VALUE]..." under load (see ../../../benches/peers/kpl): the very loop of ../putter/src/load.rs.
 */
public final class Kpl {
    /** In every warm-up record, so that a capture can leave them out. */
    private static final byte[] WARM_UP = "kplwarm".getBytes(StandardCharsets.US_ASCII);
    private static final int WARM_UP_ROUNDS = 20;
    // The daemon takes messages in several threads: puts overtake each other, and a flush that comes at once overtakes puts.
    private static final int PUT_MILLIS = 1;
    private static final int SETTLE_MILLIS = 300;
    private static final int ANSWER_SECONDS = 40; // record_ttl is 30
    private static final int LOAD_UNDER_WAY = 20_000;
    private static final int LOAD_KEYS = 10;
    private static final double CLOCK_TICKS = 100; // a second, in /proc

    private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    private final KinesisProducer producer;

    private Kpl(String port, List<String> settings) {
        Properties properties = new Properties();
        properties.setProperty("MetricsLevel", "none");
        for (String setting : settings) {
            String[] parts = setting.split("=", 2);
            properties.setProperty(camelCase(parts[0]), parts[1]);
        }
        KinesisProducerConfiguration configuration = KinesisProducerConfiguration.fromProperties(properties)
                .setRegion("us-east-1")
                .setKinesisEndpoint("127.0.0.1")
                .setKinesisPort(Long.parseLong(port))
                .setVerifyCertificate(false)
                .setLogLevel("error")
                .setTempDirectory(System.getProperty("peer.temp"))
                .setCredentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("interop", "interop")));
        producer = new KinesisProducer(configuration);
    }

    public static void main(String[] args) throws Exception {
        List<String> words = List.of(args);
        Kpl kpl;
        if (args[0].equals("rate")) {
            kpl = new Kpl(args[2], words.subList(6, args.length));
            kpl.rate(args[3], Integer.parseInt(args[4]), Double.parseDouble(args[5]));
        } else if (args[0].equals("load")) {
            long start = System.nanoTime();
            kpl = new Kpl(args[1], words.subList(3, args.length));
            kpl.load(start, Integer.parseInt(args[2]));
        } else {
            kpl = new Kpl(args[1], words.subList(2, args.length));
            kpl.capture();
        }
        kpl.out.flush();
        kpl.producer.destroy();
        System.exit(0); // the KPL's threads are no daemons
    }

    private static String camelCase(String name) {
        StringBuilder s = new StringBuilder();
        for (String word : name.split("_")) {
            s.append(Character.toUpperCase(word.charAt(0))).append(word.substring(1));
        }
        return s.toString();
    }

    private void capture() throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.US_ASCII));
        String stream = null;
        List<ListenableFuture<UserRecordResult>> puts = new ArrayList<>();
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ", -1);
            switch (words[0]) {
                case "stream" -> warmUp(stream = words[1]);
                case "put" -> {
                    puts.add(put(stream, text(words[1]), words[2].equals("-") ? null : text(words[2]), bytes(words[3])));
                    Thread.sleep(PUT_MILLIS);
                }
                case "flush" -> {
                    Thread.sleep(SETTLE_MILLIS);
                    producer.flush(stream);
                    for (ListenableFuture<UserRecordResult> put : puts) {
                        out.println(outcome(put));
                    }
                    puts.clear();
                    out.flush();
                }
                default -> throw new IllegalArgumentException(words[0]);
            }
        }
    }

    /**
     * Puts pairs until one travels as an aggregate: before the KPL knows the shard map it sends every record alone, and
     * a capture is of what it does when it knows. Gives up where the settings allow no aggregate at all.
     */
    private void warmUp(String stream) throws Exception {
        for (int round = 0; round < WARM_UP_ROUNDS; round++) {
            ListenableFuture<UserRecordResult> first = put(stream, "w", null, WARM_UP);
            ListenableFuture<UserRecordResult> second = put(stream, "w", null, WARM_UP);
            Thread.sleep(SETTLE_MILLIS / 5);
            producer.flush(stream);
            if (sequenceNumber(first).equals(sequenceNumber(second))) {
                return;
            }
        }
    }

    /** One record; null where the KPL refuses it at once. */
    private ListenableFuture<UserRecordResult> put(String stream, String key, String explicitHashKey, byte[] data) {
        try {
            return producer.addUserRecord(stream, key, explicitHashKey, ByteBuffer.wrap(data));
        } catch (IllegalArgumentException refused) {
            return null;
        }
    }

    private static String outcome(ListenableFuture<UserRecordResult> put) {
        if (put == null) {
            return "refused";
        }
        try {
            return put.get(ANSWER_SECONDS, TimeUnit.SECONDS).isSuccessful() ? "ok" : "failed";
        } catch (Exception e) {
            return "failed";
        }
    }

    /** The clock starts when the KPL aggregates: until then it sends all one by one, which is not what is measured. */
    private void rate(String stream, int count, double rate) throws Exception {
        List<ListenableFuture<UserRecordResult>> puts = new ArrayList<>(count);
        for (int round = 0; round < WARM_UP_ROUNDS && puts.size() + 2 <= count; round++) {
            puts.add(putNumber(stream, puts.size()));
            puts.add(putNumber(stream, puts.size()));
            if (sequenceNumber(puts.get(puts.size() - 2)).equals(sequenceNumber(puts.get(puts.size() - 1)))) {
                break;
            }
        }
        int first = puts.size();
        long start = System.nanoTime();
        for (int n = first; n < count; n++) {
            long due = start + (long) ((n - first) / rate * 1e9);
            while (System.nanoTime() < due) {
                TimeUnit.NANOSECONDS.sleep(Math.max(1, due - System.nanoTime()));
            }
            puts.add(putNumber(stream, n));
        }
        producer.flush(stream);
        for (int n = 0; n < count; n++) {
            out.println((outcome(puts.get(n)).equals("ok") ? "ack " : "failed ") + n);
        }
    }

    private void load(long start, int count) throws Exception {
        sequenceNumber(put("load", "key-0", null, new byte[200]));
        double first = (System.nanoTime() - start) / 1e9;
        Path jvm = Path.of("/proc/self");
        Path daemon = Path.of("/proc/" + ProcessHandle.current().children().findFirst().orElseThrow().pid());
        start = System.nanoTime();
        double jvmCpu = cpu(jvm);
        double daemonCpu = cpu(daemon);
        ArrayDeque<ListenableFuture<UserRecordResult>> underWay = new ArrayDeque<>(LOAD_UNDER_WAY);
        String[] keys = IntStream.range(0, LOAD_KEYS).mapToObj(n -> "key-" + n).toArray(String[]::new);
        int acknowledged = 0;
        for (int n = 0; n < count; n++) {
            if (underWay.size() == LOAD_UNDER_WAY) {
                acknowledged += outcome(underWay.poll()).equals("ok") ? 1 : 0;
            }
            byte[] data = new byte[200];
            Arrays.fill(data, (byte) 'x');
            underWay.add(put("load", keys[n % LOAD_KEYS], null, data));
        }
        for (ListenableFuture<UserRecordResult> put : underWay) {
            acknowledged += outcome(put).equals("ok") ? 1 : 0;
        }
        double seconds = (System.nanoTime() - start) / 1e9;
        out.printf(
                Locale.ROOT,
                "{\"acknowledged\": %d, \"seconds\": %.3f, \"cpu\": {\"daemon\": %.2f, \"jvm\": %.2f}, "
                        + "\"memory\": {\"daemon\": %d, \"jvm\": %d}, \"first\": %.3f}%n",
                acknowledged,
                seconds,
                cpu(daemon) - daemonCpu,
                cpu(jvm) - jvmCpu,
                peakMemory(daemon),
                peakMemory(jvm),
                first);
    }

    /** Seconds of all its threads, user and system. */
    private static double cpu(Path process) throws IOException {
        String stat = Files.readString(process.resolve("stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / CLOCK_TICKS;
    }

    /** In KiB. */
    private static long peakMemory(Path process) throws IOException {
        for (String line : Files.readAllLines(process.resolve("status"))) {
            if (line.startsWith("VmHWM:")) {
                return Long.parseLong(line.replaceAll("\\D", ""));
            }
        }
        throw new IOException("no VmHWM");
    }

    /** Its number in decimal, a blank, and filling up to 200 bytes; the key is one of 1000. */
    private ListenableFuture<UserRecordResult> putNumber(String stream, int n) {
        byte[] data = String.format("%-200d", n).getBytes(StandardCharsets.US_ASCII);
        return put(stream, "key-" + n % 1000, null, data);
    }

    private static String sequenceNumber(ListenableFuture<UserRecordResult> put) throws Exception {
        return put.get(ANSWER_SECONDS, TimeUnit.SECONDS).getSequenceNumber();
    }

    private static byte[] bytes(String hex) {
        return HexFormat.of().parseHex(hex);
    }

    private static String text(String hex) {
        return new String(bytes(hex), StandardCharsets.UTF_8);
    }
}
