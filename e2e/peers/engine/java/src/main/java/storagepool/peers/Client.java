package storagepool.peers;

import java.sql.Connection;
import java.sql.SQLException;
import java.time.Instant;
import java.util.stream.LongStream;

/**
 * One thread's loop over the pool and what it saw. Its figures are those of the measuring phase, errors those of the
 * whole run; they may be read once the thread has ended.
 */
final class Client implements Runnable {
    /** Of one client's operations, so that reading the clock does not dominate. */
    private static final int SAMPLE_EVERY = 64;
    private static final long PAUSE_AFTER_ERROR_MS = 10;

    private final Run run;
    private int count;
    private long lastSuccess = System.nanoTime();
    private long longestGap;
    private final LongStream.Builder latencies = LongStream.builder();

    private long operations;
    private long failed;
    private SQLException firstError;
    private Double servedAt;

    /** @param index of the client in its run: clients take their samples at different times */
    Client(Run run, int index) {
        this.run = run;
        this.count = index;
    }

    @Override
    public void run() {
        while (run.phase != Run.Phase.STOP) {
            boolean sampled = ++count % SAMPLE_EVERY == 0;
            long began = sampled ? System.nanoTime() : 0;
            try (Connection connection = run.pool.getConnection()) {
                run.work.use(connection);
            } catch (SQLException error) {
                noteError(error);
                continue;
            }
            if (run.phase == Run.Phase.MEASURE) {
                operations++;
                if (sampled) {
                    latencies.add(System.nanoTime() - began);
                }
            }
            if (run.storm) {
                noteSuccess();
            }
        }
        if (System.nanoTime() - lastSuccess > longestGap) {
            servedAt = null; // the longest gap has not ended
        }
    }

    private void noteError(SQLException error) {
        failed++;
        if (firstError == null) {
            firstError = error;
        }
        if (run.storm) {
            try {
                Thread.sleep(PAUSE_AFTER_ERROR_MS);
            } catch (InterruptedException interrupted) {
                throw new IllegalStateException("a client was interrupted", interrupted);
            }
        }
    }

    private void noteSuccess() {
        long now = System.nanoTime();
        if (now - lastSuccess > longestGap) {
            longestGap = now - lastSuccess;
            Instant time = Instant.now();
            servedAt = time.getEpochSecond() + time.getNano() / 1e9;
        }
        lastSuccess = now;
    }

    long operations() {
        return operations;
    }

    long failed() {
        return failed;
    }

    /** Null if there was none. */
    SQLException firstError() {
        return firstError;
    }

    /** Unix time in seconds at which the longest gap between two successes ended; null if it lasted to the run's end. */
    Double servedAt() {
        return servedAt;
    }

    /** Sampled times to take, use and give back a connection, in nanoseconds. May be called once. */
    LongStream latencies() {
        return latencies.build();
    }
}
