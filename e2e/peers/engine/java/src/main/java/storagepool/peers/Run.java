package storagepool.peers;

import javax.sql.DataSource;

/** What all clients of one run share: the pool, the work done on each connection, and the phase the run is in. */
final class Run {
    enum Phase { WARM_UP, MEASURE, STOP }

    final DataSource pool;
    final Work work;
    /** Errors are expected: pause after each, and watch for the longest gap between two successes. */
    final boolean storm;
    volatile Phase phase = Phase.WARM_UP;

    Run(DataSource pool, Work work, boolean storm) {
        this.pool = pool;
        this.work = work;
        this.storm = storm;
    }
}
