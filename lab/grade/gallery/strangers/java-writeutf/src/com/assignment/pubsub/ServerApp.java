package com.assignment.pubsub;

import java.io.IOException;
import java.net.ServerSocket;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

public class ServerApp {
    final Map<String, Set<Connection>> topics = new ConcurrentHashMap<>();

    public static void main(String[] args) throws IOException {
        new ServerApp().run(Integer.parseInt(args[0]));
    }

    void run(int port) throws IOException {
        ExecutorService pool = Executors.newCachedThreadPool();
        try (ServerSocket server = new ServerSocket(port)) {
            System.out.printf("Listening on %d%n", port);
            for (;;) {
                pool.execute(new Connection(this, server.accept()));
            }
        }
    }

    Set<Connection> subscribersOf(String topic) {
        return topics.computeIfAbsent(topic, t -> ConcurrentHashMap.newKeySet());
    }
}
