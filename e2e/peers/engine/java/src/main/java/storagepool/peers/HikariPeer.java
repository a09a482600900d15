package storagepool.peers;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Properties;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.postgresql.ds.PGSimpleDataSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;

/** Measures HikariCP over the PostgreSQL JDBC driver, one platform thread per client. */
@Command(name = "hikaricp-peer", sortOptions = false,
        description = "Measure HikariCP with the PostgreSQL JDBC driver; prints one JSON object.")
final class HikariPeer implements Callable<Integer> {
    /** Enough for the JIT compiler to reach its last tier on these loops. */
    private static final Duration WARM_UP = Duration.ofSeconds(2);
    private static final Duration ACQUIRE_TIMEOUT = Duration.ofSeconds(30);

    enum Case { get_put, select_1, storm }

    enum Pool { hikaricp }

    @CommandLine.Spec CommandLine.Model.CommandSpec command;

    @Option(names = "--pool", defaultValue = "hikaricp", description = "One of ${COMPLETION-CANDIDATES}") Pool poolName;
    @Option(names = "--case", required = true, description = "One of ${COMPLETION-CANDIDATES}") Case caseName;
    @Option(names = "--host", required = true) String host;
    @Option(names = "--port", required = true) int port;
    @Option(names = "--user", required = true) String user;
    @Option(names = "--password", required = true) String password;
    @Option(names = "--database", required = true) String database;
    @Option(names = "--seconds", required = true, description = "Measured time, after the warm-up") double seconds;
    @Option(names = "--clients", required = true, description = "Threads sharing the pool") int clients;
    @Option(names = "--connections", required = true, description = "Size of the pool") int connections;
    @Option(names = "--threads", defaultValue = "2", description = "Accepted; every client has a thread of its own")
    int threads;
    @Option(names = {"-h", "--help"}, usageHelp = true, description = "Print this and exit") boolean help;

    public static void main(String[] arguments) {
        System.exit(new CommandLine(new HikariPeer())
                .setExecutionExceptionHandler((error, commandLine, parsed) -> {
                    System.err.println("hikaricp-peer: " + error);
                    return 1;
                })
                .execute(arguments));
    }

    @Override
    public Integer call() throws Exception {
        requirePositive("--seconds", seconds);
        requirePositive("--clients", clients);
        requirePositive("--connections", connections);
        requirePositive("--threads", threads);
        // Makes the constructor return only when all connections are open, or the time-out is over.
        System.setProperty("com.zaxxer.hikari.blockUntilFilled", "true");
        try (HikariDataSource pool = new HikariDataSource(configuration())) {
            int open = pool.getHikariPoolMXBean().getTotalConnections();
            if (open != connections) {
                throw new IllegalStateException("the pool opened " + open + " of " + connections + " connections");
            }
            System.out.println(measure(pool));
        }
        return 0;
    }

    private void requirePositive(String option, double value) {
        if (!(value > 0 && Double.isFinite(value))) {
            throw new ParameterException(command.commandLine(), option + " " + value + ": must be above 0");
        }
    }

    /**
     * A fixed-size pool that pings no idle connection. A connection used within the last 500 ms (the default of
     * HikariCP's aliveBypassWindowMs) is handed out without a test, so in these cases none is tested.
     */
    private HikariConfig configuration() {
        PGSimpleDataSource server = new PGSimpleDataSource();
        server.setServerNames(new String[] {host});
        server.setPortNumbers(new int[] {port});
        server.setDatabaseName(database);
        server.setUser(user);
        server.setPassword(password);
        server.setSslMode("disable");

        HikariConfig config = new HikariConfig();
        config.setDataSource(server);
        config.setMaximumPoolSize(connections);
        config.setMinimumIdle(connections);
        config.setKeepaliveTime(0);
        config.setConnectionTimeout(ACQUIRE_TIMEOUT.toMillis());
        config.setInitializationFailTimeout(ACQUIRE_TIMEOUT.toMillis());
        return config;
    }

    private String measure(HikariDataSource pool) throws Exception {
        boolean storm = caseName == Case.storm;
        Work work = caseName != Case.get_put ? Work::select1 : clients > connections ? Work::yield : Work::nothing;
        Run run = new Run(pool, work, storm);
        List<Client> all = IntStream.range(0, clients).mapToObj(index -> new Client(run, index)).toList();
        ExecutorService executor = Executors.newFixedThreadPool(clients);
        List<? extends Future<?>> running = all.stream().map(executor::submit).toList();
        executor.shutdown(); // takes no more; what runs goes on

        // The storm counts from the first moment: the server goes away soon after the start.
        if (!storm) {
            Thread.sleep(WARM_UP.toMillis());
        }
        long began = System.nanoTime();
        run.phase = Run.Phase.MEASURE;
        Thread.sleep(Math.round(seconds * 1e3));
        run.phase = Run.Phase.STOP;
        double measured = (System.nanoTime() - began) / 1e9;
        for (Future<?> client : running) {
            client.get(); // ends at the latest when its time to acquire a connection is over
        }

        all.stream().map(Client::firstError).filter(Objects::nonNull).findFirst()
                .ifPresent(error -> System.err.println("hikaricp-peer: first error of a client: " + error));
        return Report.json(poolName.name(), version(), caseName.name(), measured, all);
    }

    private static String version() throws IOException {
        Properties maven = new Properties();
        try (InputStream in = HikariDataSource.class.getResourceAsStream(
                "/META-INF/maven/com.zaxxer/HikariCP/pom.properties")) {
            maven.load(in);
        }
        return maven.getProperty("version");
    }
}
