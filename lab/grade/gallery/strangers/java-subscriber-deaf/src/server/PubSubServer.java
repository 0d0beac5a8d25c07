package server;

import java.io.*;
import java.net.*;
import java.util.*;

public class PubSubServer {
    private static Map<String, List<PrintWriter>> topics = new HashMap<>();

    public static void main(String[] args) throws Exception {
        ServerSocket server = new ServerSocket(Integer.parseInt(args[0]));
        System.out.println("[SERVER] Running on port " + args[0]);
        while (true) {
            Socket client = server.accept();
            System.out.println("[SERVER] Client connected: " + client.getPort());
            new Thread(() -> handle(client)).start();
        }
    }

    static void handle(Socket client) {
        try {
            BufferedReader in = new BufferedReader(new InputStreamReader(client.getInputStream()));
            PrintWriter out = new PrintWriter(client.getOutputStream(), true);
            String hello = in.readLine();
            if (hello == null) return;
            String[] parts = hello.split(" ");
            String role = parts[0], topic = parts[1];
            System.out.println("[SERVER] " + client.getPort() + " = " + role + " on " + topic);
            if (role.equals("SUBSCRIBER")) {
                synchronized (topics) {
                    topics.computeIfAbsent(topic, k -> new ArrayList<>()).add(out);
                }
            }
            String line;
            while ((line = in.readLine()) != null) {
                if (line.equals("terminate")) break;
                System.out.println("[" + topic + "] " + client.getPort() + ": " + line);
                if (role.equals("PUBLISHER")) {
                    synchronized (topics) {
                        for (PrintWriter w : topics.getOrDefault(topic, List.of())) w.println("[" + topic + "] " + line);
                    }
                }
            }
            synchronized (topics) {
                topics.getOrDefault(topic, new ArrayList<>()).remove(out);
            }
            client.close();
        } catch (IOException e) {
            System.out.println("[SERVER] " + e.getMessage());
        }
        System.out.println("[SERVER] Client disconnected: " + client.getPort());
    }
}
