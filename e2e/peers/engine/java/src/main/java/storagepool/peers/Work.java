package storagepool.peers;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;

/** What a client does with a connection before it gives it back. */
@FunctionalInterface
interface Work {
    void use(Connection connection) throws SQLException;

    static void nothing(Connection connection) {}

    /** Lets another thread run while the connection is held. */
    static void yield(Connection connection) {
        Thread.yield();
    }

    /** The driver prepares the statement on the server at its fifth execution and caches it: its default. */
    static void select1(Connection connection) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("SELECT 1");
                ResultSet rows = statement.executeQuery()) {
            if (!rows.next() || rows.getInt(1) != 1) {
                throw new SQLException("SELECT 1 did not answer 1");
            }
        }
    }
}
