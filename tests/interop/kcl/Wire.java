import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The drivers' protocol (see ../README.md), shared by every KCL version: one hello frame, then an answer to each
 * request, in order. Answers are flushed whenever no request is waiting, so that a client may send many ahead.
 */
final class Wire {
    private static final int NULL = 0xFFFFFFFF;
    private static final int MAX_LOG_TEXT = 200;

    /** One KCL version behind the protocol. */
    interface Peer {
        String hello() throws Exception;

        /** Deaggregates one Kinesis record; a missing range means the library's call without a range. */
        void read(Request request, Answer answer);
    }

    record Request(boolean hasRange, String start, String end, String partitionKey, ByteBuffer data) {
        BigInteger startingHashKey() {
            return new BigInteger(start);
        }

        BigInteger endingHashKey() {
            return new BigInteger(end);
        }
    }

    /** The user records of one answer. */
    static final class Answer {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final DataOutputStream out = new DataOutputStream(bytes);
        private int count;

        void add(String partitionKey, String explicitHashKey, long subSequenceNumber, boolean aggregated, ByteBuffer data) {
            try {
                writeText(out, partitionKey);
                writeText(out, explicitHashKey);
                out.writeLong(subSequenceNumber);
                out.writeBoolean(aggregated);
                ByteBuffer view = data.duplicate();
                byte[] copy = new byte[view.remaining()];
                view.get(copy);
                out.writeInt(copy.length);
                out.write(copy);
                count++;
            } catch (IOException illFormedText) {
                throw new UncheckedIOException(illFormedText);
            }
        }
    }

    /** Holds what the library logs as an error, so that an answer can say that it did; nothing reaches the terminal. */
    private static final class ErrorLog extends OutputStream {
        private final ByteArrayOutputStream head = new ByteArrayOutputStream();

        @Override
        public void write(int b) {
            if (head.size() < MAX_LOG_TEXT) {
                head.write(b);
            }
        }

        @Override
        public void write(byte[] b, int offset, int length) {
            head.write(b, offset, Math.max(0, Math.min(length, MAX_LOG_TEXT - head.size())));
        }

        String take() {
            // A cut through a multi-byte character becomes a replacement character: the text is for people.
            String text = head.toString(StandardCharsets.UTF_8);
            head.reset();
            return text;
        }
    }

    private Wire() {}

    static void serve(Peer peer) throws Exception {
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 1 << 16));
        DataOutputStream out =
                new DataOutputStream(new BufferedOutputStream(new FileOutputStream(FileDescriptor.out), 1 << 16));
        // Whatever the library or its loggers print must not get into the protocol.
        ErrorLog log = new ErrorLog();
        System.setErr(new PrintStream(log, true, StandardCharsets.UTF_8));
        System.setOut(System.err);

        writeText(out, peer.hello() + ", Java " + System.getProperty("java.version"));
        out.flush();
        log.take();
        while (true) {
            int length;
            try {
                length = in.readInt();
            } catch (EOFException end) {
                out.flush();
                return;
            }
            byte[] request = in.readNBytes(length);
            if (request.length < length) {
                throw new EOFException("the last request is cut short");
            }
            answer(peer, ByteBuffer.wrap(request), log, out);
            if (in.available() == 0) {
                out.flush();
            }
        }
    }

    private static void answer(Peer peer, ByteBuffer bytes, ErrorLog log, DataOutputStream out) throws IOException {
        Answer answer = new Answer();
        String threw = null;
        try {
            if (bytes.get() != 0) {
                throw new UnsupportedOperationException("the KCL only reads");
            }
            peer.read(parse(bytes), answer);
        } catch (Exception | LinkageError | StackOverflowError e) {
            threw = e.toString();
        }
        String logged = log.take();

        ByteArrayOutputStream head = new ByteArrayOutputStream();
        DataOutputStream headOut = new DataOutputStream(head);
        if (threw != null) {
            headOut.writeByte(1);
            writeText(headOut, threw);
        } else if (!logged.isEmpty()) {
            headOut.writeByte(2);
            writeText(headOut, logged);
        } else {
            headOut.writeByte(0);
        }
        headOut.writeInt(answer.count);
        out.writeInt(head.size() + answer.bytes.size());
        head.writeTo(out);
        answer.bytes.writeTo(out);
    }

    private static Request parse(ByteBuffer bytes) {
        boolean hasRange = bytes.get() != 0;
        String start = ascii(bytes);
        String end = ascii(bytes);
        int keyLength = bytes.getInt();
        String partitionKey = keyLength == NULL ? null : text(bytes, keyLength, StandardCharsets.UTF_8);
        byte[] data = new byte[bytes.getInt()];
        bytes.get(data);
        return new Request(hasRange, start, end, partitionKey, ByteBuffer.wrap(data));
    }

    private static String ascii(ByteBuffer bytes) {
        return text(bytes, Short.toUnsignedInt(bytes.getShort()), StandardCharsets.US_ASCII);
    }

    private static String text(ByteBuffer bytes, int length, java.nio.charset.Charset charset) {
        byte[] raw = new byte[length];
        bytes.get(raw);
        return new String(raw, charset);
    }

    /** A Java String may hold a lone surrogate, which UTF-8 cannot: the encoder refuses it, the answer says so. */
    private static void writeText(DataOutputStream out, String text) throws IOException {
        if (text == null) {
            out.writeInt(NULL);
            return;
        }
        ByteBuffer raw = StandardCharsets.UTF_8.newEncoder().encode(CharBuffer.wrap(text));
        out.writeInt(raw.remaining());
        out.write(raw.array(), raw.arrayOffset(), raw.remaining());
    }
}
