package com.assignment.pubsub;

import java.io.BufferedReader;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.Socket;

public class ClientApp {
    public static void main(String[] args) throws IOException {
        if (args.length < 4) {
            System.out.println("java com.assignment.pubsub.ClientApp <ip> <port> <PUBLISHER|SUBSCRIBER> <topic>");
            System.exit(1);
        }
        try (Socket socket = new Socket(args[0], Integer.parseInt(args[1]))) {
            DataOutputStream out = new DataOutputStream(socket.getOutputStream());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            out.writeUTF(args[2].toUpperCase());
            out.writeUTF(args[3]);
            Thread t = new Thread(() -> {
                try {
                    while (true) {
                        System.out.println("<< " + in.readUTF());
                    }
                } catch (IOException e) {
                    System.out.println("connection closed");
                }
            });
            t.setDaemon(true);
            t.start();
            BufferedReader keyboard = new BufferedReader(new InputStreamReader(System.in));
            String line;
            while ((line = keyboard.readLine()) != null) {
                out.writeUTF(line);
                if (line.equals("terminate")) {
                    break;
                }
            }
        }
    }
}
