package storagepool.peers;

import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;

/** The one JSON object that a peer prints. */
final class Report {
    private Report() {}

    /** @param seconds measured time */
    static String json(String pool, String version, String caseName, double seconds, List<Client> clients) {
        long[] latencies = clients.stream().flatMapToLong(Client::latencies).sorted().toArray();
        long failed = clients.stream().mapToLong(Client::failed).sum();
        String json = String.format(Locale.ROOT,
                "\"pool\": \"%s\", \"version\": \"%s\", \"case\": \"%s\", \"clients\": %d, \"operations\": %d, "
                        + "\"seconds\": %.6f, \"failed\": %d, \"p50_us\": %s, \"p99_us\": %s",
                pool, version, caseName, clients.size(), clients.stream().mapToLong(Client::operations).sum(),
                seconds, failed, percentile(latencies, 0.50), percentile(latencies, 0.99));
        if (caseName.equals("storm")) {
            String servedAt = clients.stream().map(Client::servedAt)
                    .map(time -> time == null ? "null" : String.format(Locale.ROOT, "%.6f", time))
                    .collect(Collectors.joining(", "));
            json += String.format(", \"served_at\": [%s], \"errors\": %d", servedAt, failed);
        }
        return "{" + json + "}";
    }

    /** Nearest rank, in microseconds; null of no samples. */
    private static String percentile(long[] sortedNanoseconds, double fraction) {
        if (sortedNanoseconds.length == 0) {
            return "null";
        }
        int rank = (int) Math.ceil(fraction * sortedNanoseconds.length);
        return String.format(Locale.ROOT, "%.3f", sortedNanoseconds[rank - 1] / 1e3);
    }
}
