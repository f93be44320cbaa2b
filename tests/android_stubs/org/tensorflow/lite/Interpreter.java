package org.tensorflow.lite;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.util.Map;

/** The methods of LiteRT's class that an app calls, carried out by the real LiteRT in a process of Python. */
public final class Interpreter implements AutoCloseable {
    public static final class Options {
        public Options setNumThreads(int threads) {
            return this;
        }
    }

    private final Process process;
    private final DataOutputStream to;
    private final DataInputStream from;

    public Interpreter(ByteBuffer model, Options options) {
        try {
            process = new ProcessBuilder(System.getProperty("python"), System.getProperty("interpreter"))
                    .redirectError(ProcessBuilder.Redirect.INHERIT)
                    .start();
            to = new DataOutputStream(process.getOutputStream());
            from = new DataInputStream(process.getInputStream());
            to.writeInt(model.remaining());
            send(model);
            to.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    public void runForMultipleInputsOutputs(Object[] inputs, Map<Integer, Object> outputs) {
        try {
            to.writeByte('r');
            for (Object input : inputs) {
                ByteBuffer buffer = (ByteBuffer) input;
                to.writeInt(buffer.remaining());
                send(buffer);
            }
            to.flush();
            for (int number = 0; number < outputs.size(); ++number) {
                byte[] content = new byte[from.readInt()];
                from.readFully(content);
                ByteBuffer buffer = (ByteBuffer) outputs.get(number);
                if (buffer.remaining() != content.length) throw new IllegalArgumentException("output " + number);
                buffer.put(content);
            }
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    public void resetVariableTensors() {
        try {
            to.writeByte('v');
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    @Override
    public void close() {
        process.destroy();
    }

    private void send(ByteBuffer buffer) throws IOException {
        byte[] content = new byte[buffer.remaining()];
        buffer.get(content);
        to.write(content);
    }
}
